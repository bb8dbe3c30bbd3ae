"""The forges of the contract suite, each a server that answers in the forge's shape."""
