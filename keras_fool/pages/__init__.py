"""Results as pages: one HTML file each, which shows all it has without any request.

    audit_page   audit.html, from audit.json and the PNG files beside it

`wording` puts numbers and names into words, `pictures` puts PNG files into a page, `charts`
computes where things are drawn. `templates/` has what is written around them, `assets/` the style
and the program that sorts and filters. Nothing here computes results, and nothing loads TensorFlow.
"""
