"""Pictures in and out: files to frames with exact times, frames to files."""
