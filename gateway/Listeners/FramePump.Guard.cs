// Hot path: every chunk of a client with limits, and its timer.
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>Connections whose clients have limits, or are pinged: see <see cref="FrameGuard"/>.</summary>
internal sealed unsafe partial class FramePump
{
    private static readonly WebSocketClose NoAnswer = new(1001, "no answer to a ping");

    private static ReadOnlySpan<byte> EmptyPing => [0x89, 0x00];

    /// <summary>Sends a ping to a client that is silent, and closes one that has not answered. Ticks until it is to be looked at again; 0: it is being closed.</summary>
    public uint Ping(int client, Channel* channel, WebSocketFeatures features)
    {
        var upstream = loop.Table[channel->Peer];
        var state = _frames[upstream->Frames];
        if (state->Guard == 0)
        {
            // From before its listener pinged, or from another process that did not.
            state->Guard = loop.Guard.Rent(channel->Listener);
            if (state->Guard == 0)
            {
                // A reload has taken it from the listener this moment.
                return features.PingTicks;
            }
        }

        var guard = loop.Guard[state->Guard];
        if (upstream->Pending != 0)
        {
            // Its backend takes nothing, so it is not read, and nobody can tell whether it is silent: TCP finds out by itself.
            guard->LastHeard = loop.Tick;
            guard->IsPinged = false;
            return features.PingTicks;
        }

        var silent = loop.Tick - guard->LastHeard;
        if (guard->IsPinged)
        {
            var since = loop.Tick - guard->PingedAt;
            if (since < features.PingTimeoutTicks)
            {
                return Math.Min(features.PingTimeoutTicks - since, features.PingTicks);
            }

            BeginClose(client, channel, NoAnswer, CloseReason.PingTimeout);
            return 0;
        }

        if (silent < features.PingTicks)
        {
            return features.PingTicks - silent;
        }

        // Between two frames, and not behind what the client does not take: then TCP finds out by itself.
        if (state->FromBackend.AtFrameBoundary && channel->Pending == 0 && !channel->Has(ChannelFlags.WriteEnded))
        {
            if (!Send(client, channel, EmptyPing))
            {
                loop.Pump.Fail(client, channel);
                return 0;
            }

            guard->IsPinged = true;
            guard->PingedAt = loop.Tick;
        }

        return Math.Min(features.PingTimeoutTicks, features.PingTicks);
    }

    private bool ForwardGuarded(int client, Channel* source, int target, Channel* sink, FrameState* state, ReadOnlySpan<byte> bytes)
    {
        ref var messages = ref loop.Counters[source->Listener]->Messages;
        var close = loop.Guard.Inspect(state->Guard, source->Listener, ref state->FromClient, bytes, ref messages, out var passes);
        if (!Send(target, sink, bytes[..passes]))
        {
            loop.Pump.FailWriting(target, sink);
            return false;
        }

        return close is null || Cut(client, source, target, sink, state, close, bytes[passes..]);
    }

    /// <summary>Nothing more of the client's goes to the backend: both are told why. False when the connection is gone.</summary>
    private bool Cut(
        int client,
        Channel* source,
        int target,
        Channel* sink,
        FrameState* state,
        WebSocketClose close,
        ReadOnlySpan<byte> rest
    )
    {
        _closing[client] = new Closing(close, CloseReason.MessageLimit, loop.Tick);
        state->Closing = true;
        loop.Timers.Arm(client, loop.Tick + CloseTicks);
        if (state->FromClient.AtFrameBoundary)
        {
            if (!PutClose(target, sink, state, close))
            {
                return false;
            }
        }
        else
        {
            // Part of the frame's header has gone already: only the end of the connection can follow.
            state->BackendTold = true;
        }

        if (state->FromBackend.AtFrameBoundary && !PutClose(client, source, state, close))
        {
            return false;
        }

        state->FromClient.Advance(rest, WebSockets.Framing.StopAt.End);
        return EndIfAnswered(client, state);
    }
}
