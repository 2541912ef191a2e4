"""Pictures of many images.

    contact_sheets   a row per run, a column per label, confidences below
    tile_sheets      chosen images with names, in rows
    montages         a run's champions with names, for a quick look
    surest           the surest of many images, large

`captions` puts confidences into words. `sheet_drawing` has what sheets are drawn with: colours,
letters, enlarged pixels, files.
"""
