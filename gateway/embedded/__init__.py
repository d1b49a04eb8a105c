"""What `nicgate up` runs on one machine: PostgreSQL, Valkey, a mail catcher, and all of nicgate."""
