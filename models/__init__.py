"""The domain: tables, rules and operations; knows nothing of GraphQL, HTTP or the queue."""
