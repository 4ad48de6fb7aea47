"""What message queues share."""
