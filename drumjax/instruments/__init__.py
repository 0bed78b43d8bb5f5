"""What a user plays."""
