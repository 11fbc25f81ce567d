//! A real OpenAI-compatible server: llama.cpp's own, with the model that set-up fetches, behind the provider `openai`.
