// Hot path: per connection, under a flood most of all.
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Listeners;

/// <summary>Turns clients away: with RST, without a word, or with an answer.</summary>
/// <remarks>
/// An answer is lost where the client's data meets a closed socket, so such a socket stays until the client ends, two seconds at most, and
/// a bounded number of them: beyond, clients are closed at once. They count for no limit and are in no list.
/// </remarks>
internal sealed unsafe class Refuser(RelayLoop loop) : IDisposable
{
    /// <summary>Sockets of refused clients that one loop keeps at most.</summary>
    public const int MaxLingering = 64;

    private static readonly uint LingerTicks = TimerWheel.Ticks(TimeSpan.FromSeconds(2));

    private readonly List<int> _lingering = [];

    /// <summary>Sockets of refused clients that are open.</summary>
    public int Lingering => _lingering.Count;

    /// <summary>Refuses a socket that was just accepted: it has no channel and is watched by nobody.</summary>
    public void Refuse(int client, ListenerState listener, RefusalReason reason)
    {
        listener.CountRefusal(reason);
        var config = listener.Setup?.Config;
        var limits = config?.Limits ?? LimitsSnapshot.None;
        if (limits.Refuse == RefusalAnswer.Reset)
        {
            // Unlike FIN it tells the client at once that it was not served, and leaves nothing in TIME_WAIT.
            Libc.ResetOnClose(client);
        }
        else if (limits.Refuse == RefusalAnswer.Message && TryAnswer(client, config!, reason) && TryLinger(client))
        {
            return;
        }

        // Not registered anywhere and without a channel, so it need not wait for the turn's end.
        _ = Libc.Close(client);
    }

    /// <summary>Sends the listener's answer, where it has one. The kernel takes so little in one piece.</summary>
    public static bool TryAnswer(int client, ListenerSnapshot listener, RefusalReason reason)
    {
        // Words in clear would be no answer to a TLS client.
        if (listener.Limits.Refuse != RefusalAnswer.Message || listener.Tls is not null)
        {
            return false;
        }

        var bytes = listener.Protocol == ListenerProtocol.WebSocket ? Answer(reason) : listener.Limits.Message;
        fixed (byte* data = bytes)
        {
            return Libc.Send(client, data, (nuint)bytes.Length, SocketFlag.NoSignal) == bytes.Length;
        }
    }

    /// <summary>Ends a client that has a channel as its listener says to those it turns away.</summary>
    /// <param name="client">The client's descriptor.</param>
    /// <param name="listener">Null: it is gone.</param>
    /// <param name="reason">Why, for the answer.</param>
    /// <param name="close">Why, for the access log.</param>
    public void TurnAway(int client, ListenerSnapshot? listener, RefusalReason reason, CloseReason close)
    {
        var refuse = listener?.Limits.Refuse ?? RefusalAnswer.Reset;
        var answered = refuse == RefusalAnswer.Message && TryAnswer(client, listener!, reason);
        loop.Closer.Close(client, close, reset: refuse == RefusalAnswer.Reset, linger: answered);
    }

    public void OnEvent(int client)
    {
        // What it sends is dropped, a buffer's worth per event.
        var count = Libc.Receive(client, loop.ReadBuffer, (nuint)loop.ReadBytes, 0);
        if (count == 0 || (count < 0 && Libc.LastError != Errno.EAGAIN))
        {
            End(client);
        }
    }

    /// <summary>The time is up, or the process ends.</summary>
    public void End(int client)
    {
        _lingering.Remove(client);
        loop.Timers.Disarm(client);
        loop.CloseLater(client);
    }

    /// <summary>After the loop's thread has ended.</summary>
    public void Dispose()
    {
        _lingering.ForEach(client => _ = Libc.Close(client));
        _lingering.Clear();
    }

    /// <summary>Keeps the socket of a client that was answered, and holds nothing any more, until it ends. False: it is to be closed now.</summary>
    public bool TryLinger(int client)
    {
        if (Lingering >= MaxLingering || !loop.Table.Holds(client))
        {
            return false;
        }

        // Without a loop's number it is in no list of connections.
        loop.Table.Claim(client, ChannelKind.Client, ChannelPhase.Refused);
        _ = Libc.Shutdown(client, SocketFlag.ShutdownWrite);
        if (!loop.Register(client))
        {
            loop.Table[client]->Kind = ChannelKind.None;
            return false;
        }

        _lingering.Add(client);
        loop.Timers.Arm(client, loop.Tick + LingerTicks);
        return true;
    }

    private static byte[] Answer(RefusalReason reason) =>
        PlainAnswer.For(
            reason switch
            {
                RefusalReason.PerAddress => new Refusal(429, "too many connections from this address"),
                RefusalReason.PerPrefix => new Refusal(429, "too many connections from this network"),
                RefusalReason.AddressRate => new Refusal(429, "too many new connections from this address"),
                RefusalReason.ListenerRate => new Refusal(503, "too many new connections"),
                RefusalReason.Draining => new Refusal(503, "the gateway is draining"),
                _ => new Refusal(503, "the gateway is full"),
            }
        );
}
