"""Drawing: parameters and star lists in, images out."""

from clustercnn.render.backends import BACKENDS as BACKENDS
from clustercnn.render.front import Renderer as Renderer
from clustercnn.render.noise import expose as expose
from clustercnn.render.settings import RenderSettings as RenderSettings
from clustercnn.render.star_lists import StarLists as StarLists

__all__ = ["BACKENDS", "RenderSettings", "Renderer", "StarLists", "expose"]
