"""What is optimised, when, and how it is made repeatable."""
