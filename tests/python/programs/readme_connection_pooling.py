# Create client with custom connection pool settings
client = Client(
    max_connections=100,  # Total connections across all hosts
)
