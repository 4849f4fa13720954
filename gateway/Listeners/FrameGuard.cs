// Hot path: every chunk of a client with limits.
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.Listeners;

/// <summary>Holds what clients send to their listener's limits, at the headers of their frames: payload is neither read nor kept.</summary>
/// <remarks>Connections of listeners without such limits have no state here. Limits are looked up at each chunk, so a reload holds at once. One per loop.</remarks>
internal sealed unsafe class FrameGuard(RelayLoop loop) : IDisposable
{
    private static readonly WebSocketClose TooMany = new(1008, "too many messages");
    private static readonly WebSocketClose TooBig = new(1009, "message is too big");

    private readonly NativeSlab<GuardState> _states = new();

    /// <summary>Connections with limits, or that are pinged.</summary>
    public int Count => _states.Count;

    public GuardState* this[int handle] => _states[handle];

    /// <summary>A handle for a connection of the listener; 0 where that asks for nothing.</summary>
    /// <param name="listener">Its index.</param>
    /// <param name="known">Where the connection stood in another process.</param>
    public int Rent(ushort listener, (long Bucket, ulong MessageBytes)? known = null)
    {
        if (Features(listener) is not { IsGuarded: true })
        {
            return 0;
        }

        var handle = _states.Rent();
        _states[handle]->LastHeard = loop.Tick;
        (_states[handle]->Bucket, _states[handle]->MessageBytes) = known ?? default;
        return handle;
    }

    /// <summary>What another process has to know to go on; null for handle 0.</summary>
    public (long Bucket, ulong MessageBytes)? Read(int handle) =>
        handle == 0 ? null : (_states[handle]->Bucket, _states[handle]->MessageBytes);

    public void Return(int handle)
    {
        if (handle != 0)
        {
            _states.Return(handle);
        }
    }

    public WebSocketFeatures Features(ushort listener) => loop.Engine.Listeners[listener].Setup?.Config.Features ?? WebSocketFeatures.None;

    /// <summary>Follows a client's chunk. Null: all of it may pass; else why the connection is to be closed.</summary>
    /// <param name="handle">The connection's.</param>
    /// <param name="listener">Where it came in.</param>
    /// <param name="tracker">Of what the client sends; afterwards behind the chunk, or before the frame that may not pass.</param>
    /// <param name="chunk">What came.</param>
    /// <param name="messages">Counts the messages that pass.</param>
    /// <param name="passes">Bytes of the chunk that may pass.</param>
    public WebSocketClose? Inspect(
        int handle,
        ushort listener,
        ref FrameTracker tracker,
        ReadOnlySpan<byte> chunk,
        ref long messages,
        out int passes
    )
    {
        var state = _states[handle];
        var features = Features(listener);
        state->LastHeard = loop.Tick;
        state->IsPinged = false;
        var at = 0;
        while (at < chunk.Length && tracker.Error == FrameError.None)
        {
            if (!tracker.IsInHeader)
            {
                at += tracker.Advance(chunk[at..], StopAt.Frame);
                if (at == chunk.Length)
                {
                    break;
                }
            }

            var (before, counted) = (tracker, messages);
            var start = at;
            at += tracker.AdvanceHeader(chunk[at..], ref messages);
            if (tracker.IsInHeader || tracker.Error != FrameError.None || tracker.Opcode >= Opcode.Close)
            {
                continue;
            }

            if (Judge(state, features, tracker) is { } close)
            {
                (tracker, messages, passes) = (before, counted, start);
                return close;
            }
        }

        // Where the framing is broken the rest passes, for the other end to judge.
        passes = chunk.Length;
        return null;
    }

    public void Dispose() => _states.Dispose();

    private WebSocketClose? Judge(GuardState* state, WebSocketFeatures features, FrameTracker tracker)
    {
        if (tracker.Opcode != Opcode.Continuation)
        {
            state->MessageBytes = 0;
            if (features.MessageRate.IsSet && !features.MessageRate.TryTake(ref state->Bucket, loop.Now))
            {
                return TooMany;
            }
        }

        // Saturated, not wrapped: lengths are the client's word.
        state->MessageBytes = Math.Min(ulong.MaxValue / 2, state->MessageBytes + tracker.PayloadRemaining);
        return features.MaxMessageBytes > 0 && state->MessageBytes > (ulong)features.MaxMessageBytes ? TooBig : null;
    }
}

/// <summary>What a connection with limits has beyond its trackers, in native memory.</summary>
internal struct GuardState
{
    /// <summary>Of messages: see <see cref="Limits.RateLimit.TryTake"/>.</summary>
    public long Bucket;

    /// <summary>Announced by the frames of the message under way.</summary>
    public ulong MessageBytes;

    /// <summary>Tick of the client's last byte.</summary>
    public uint LastHeard;

    /// <summary>Tick of the last ping.</summary>
    public uint PingedAt;

    /// <summary>Nothing has come since then.</summary>
    public bool IsPinged;
}
