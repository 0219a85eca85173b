"""What comes from outside: images, the engine's version, and what scanners say of them."""
