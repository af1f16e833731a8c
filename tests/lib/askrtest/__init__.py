"""What the black-box tests share: the server under test, an HTTP client that shows every byte, a load generator."""
