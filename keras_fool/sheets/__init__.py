"""Pictures of many images.

    contact_sheets   a row per run, a column per label, confidences below
    tile_sheets      chosen images with names, in rows

`sheet_drawing` has what they are drawn with: colours, letters, enlarged pixels, files.
"""
