"""What must hold of objects, however they were rendered; the CEL text here is the cluster's too."""
