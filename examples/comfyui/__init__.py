"""ComfyUI nodes of lipsync-edge; this folder goes into `custom_nodes/`."""

from .lipsync_node import LipSync

NODE_CLASS_MAPPINGS = {"LipSyncEdge": LipSync}
NODE_DISPLAY_NAME_MAPPINGS = {"LipSyncEdge": "Lip-sync (lipsync-edge)"}
