"""Twenty questions of many kinds, for benchmarks and for comparing presets token by token."""

PROMPTS = (
    "What is the capital of France?",
    "Write a short story about a fox and a lantern.",
    "Give me a list of five fruits.",
    "How do I make a cup of tea?",
    "Who are you?",
    "Why is the sky blue?",
    "What is 12 plus 7?",
    "Write a Python function that adds two numbers.",
    "Tell me about dogs.",
    "What should I pack for a trip to the sea?",
    "Explain what a river is.",
    "Write a poem about the moon.",
    "What is the meaning of the word brave?",
    "I feel tired today. What can I do?",
    "Tell me a story about a little girl who lost her ball.",
    "Name three planets.",
    "What did people eat in ancient Rome?",
    "How many legs does a spider have?",
    "Describe a busy market in the morning.",
    "What is a good name for a cat?",
)
