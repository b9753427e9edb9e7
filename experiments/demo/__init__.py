"""The page in the browser: `serving` starts it, `application` answers, `work` runs in processes that can be ended."""
