"""From demonstrations to a concept of the library.

segmenter           marker words cut a watched scene into demonstrations
teach               the use, the code and the entry of a concept
cross_validation    each demonstration held out once
"""
