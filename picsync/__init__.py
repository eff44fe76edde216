"""picsync keeps photo frames in step with photo albums."""
