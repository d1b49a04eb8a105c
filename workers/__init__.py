"""What happens after the answer: mail, and what time brings."""
