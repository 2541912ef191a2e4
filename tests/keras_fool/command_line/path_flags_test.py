import pytest

from keras_fool.command_line import cli, path_flags


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    return str(tmp_path / "home")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~/a.keras", "{home}/a.keras"),
        ("~", "{home}"),
        ("~/a.keras:tf,~/b.keras", "{home}/a.keras:tf,{home}/b.keras"),
        ("~/a.keras+~/b.keras,c", "{home}/a.keras+{home}/b.keras,c"),
        ("MobileNet:weights=~/w.h5", "MobileNet:weights={home}/w.h5"),
        ("folder:~/photographs", "folder:{home}/photographs"),
        ("a~/b.keras", "a~/b.keras"),
        ("~nobody-of-that-name/b", "~nobody-of-that-name/b"),
        ("a/~/b", "a/~/b"),
        ("mnist_a", "mnist_a"),
    ],
)
def test_home_wherever_a_path_begins(home, text, expected):
    assert path_flags.Paths().parse(text) == expected.format(home=home)


def test_what_exists_is_meant_as_it_stands(tmp_path):
    (tmp_path / "here" / "~").mkdir()

    assert path_flags.Paths().parse("~") == "~"


def test_one_path_has_one_beginning(home):
    assert path_flags.Path().parse("~/a:~/b") == f"{home}/a:~/b"
    with pytest.raises(ValueError, match="a path is missing"):
        path_flags.Path().parse("")


def test_every_flag_of_a_path_takes_it(home):
    import keras_fool.import_caffe
    import keras_fool.reproduce
    import keras_fool.serve  # noqa: F401, they define flags

    names = ["dataset", "data_dir", "model", "models", "images", "weights", "label_names"]
    names += ["workdir", "output", "output_dir", "results", "mean", "model_base_path"]
    for name in names:
        assert cli.FLAGS[name].parser.parse("~/x") == f"{home}/x", name


def test_run_folders_may_have_commas(tmp_path):
    (tmp_path / "here" / "we,ird").mkdir()
    (tmp_path / "here" / "a, b").mkdir()

    found = path_flags.run_folders("we,ird,other,a, b")

    assert list(map(str, found)) == ["we,ird", "other", "a, b"]
    with pytest.raises(ValueError, match="names an empty folder"):
        path_flags.run_folders("a,,b")
