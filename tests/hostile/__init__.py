"""Files, requests and machines that mean harm, or are merely broken: what is refused is refused in one line."""
