"""The web room: the chat window, the guide as pages, and the HTTP API. Only this room knows HTML."""
