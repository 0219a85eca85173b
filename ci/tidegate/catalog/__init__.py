"""What is served: the files of models/, services, environments and clusters, validated."""
