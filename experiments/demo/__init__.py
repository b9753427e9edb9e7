"""The page in the browser: `serving` starts it, `application` answers, `work` is done in processes that can be ended."""
