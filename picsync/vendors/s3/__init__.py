"""Object storage with the S3 API: AWS, MinIO, Garage, Cloudflare R2, Backblaze B2 and others."""
