"""What keeps others from doing harm: to whom secrets go, what is read, and what readers may do."""
