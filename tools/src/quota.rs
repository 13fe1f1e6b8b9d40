//! quota: report and repair quota use.
