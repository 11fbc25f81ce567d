//! OpenAI's own clients against `/v1`, unchanged.
