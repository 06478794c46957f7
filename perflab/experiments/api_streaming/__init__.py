"""23_api_streaming: which ways of sending pay, and how many requests the API takes."""
