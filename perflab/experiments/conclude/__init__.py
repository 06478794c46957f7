"""From results to findings: claims with verdict, interval, n, caveats and next step; one file per notebook."""
