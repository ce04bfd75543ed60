"""A LiveKit agent with a face.

LIVEKIT_URL=… LIVEKIT_API_KEY=… LIVEKIT_API_SECRET=… AVATAR=face.avatar python livekit_agent.py dev
"""

import os

from livekit import rtc
from livekit.agents import Agent, AgentSession, JobContext, WorkerOptions, cli
from livekit.agents.voice.avatar import AvatarRunner, QueueAudioOutput

import lipsync_edge as le
from lipsync_edge.integrations.livekit import LipsyncVideoGenerator, avatar_options

RATE = 24_000


async def give_face(session: AgentSession, room: rtc.Room, avatar: le.Avatar) -> AvatarRunner:
    """Let what a session says be said by an avatar, which the room sees and hears."""
    stream = le.load(preset="lite").stream(avatar, sample_rate=RATE)
    voice = QueueAudioOutput(sample_rate=RATE)
    face = LipsyncVideoGenerator(stream)
    runner = AvatarRunner(room, audio_recv=voice, video_gen=face, options=avatar_options(stream))
    await runner.start()
    session.output.audio = voice
    return runner


async def entrypoint(job: JobContext) -> None:
    """Talk in a room."""
    await job.connect()
    session: AgentSession = AgentSession()  # with your stt=…, llm=…, tts=…
    runner = await give_face(session, job.room, le.load_avatar(os.environ["AVATAR"]))
    job.add_shutdown_callback(runner.aclose)
    await session.start(Agent(instructions="You are a friendly receptionist."), room=job.room)


if __name__ == "__main__":
    cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint))
