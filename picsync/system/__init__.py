"""What the operating system is asked for: files, requests between processes, reports of crashes."""
