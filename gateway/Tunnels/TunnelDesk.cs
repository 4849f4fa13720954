// Warm path: per connection of a tunnel. What flows through one is the Pump's.
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Tunnels;

/// <summary>Tunnels of one loop: clients that open them, their data connections, and visitors. For the loop's thread only.</summary>
/// <remarks>
/// A tunnel belongs to the loop of its control connection, which alone watches its public ports; a data connection that another loop has
/// accepted comes over. From where a visitor and a data connection meet they are a client and its upstream like any other. Costs nothing
/// where there are no tunnels.
/// </remarks>
internal sealed unsafe partial class TunnelDesk(RelayLoop loop) : IDisposable
{
    /// <summary>From here on, numbers of listening sockets are not listeners' but tunnel ports'.</summary>
    public const int FirstSlot = 1 << 16;

    /// <summary>Silence between the messages of a handshake, as bore has it.</summary>
    private static readonly uint HandshakeTicks = TimerWheel.Ticks(TimeSpan.FromSeconds(3));

    /// <summary>An opening waits for the registry, for other gateways and for ports.</summary>
    private static readonly uint OpeningTicks = TimerWheel.Ticks(TimeSpan.FromSeconds(20));

    /// <summary>Bytes read at once from who is not known yet: what a data connection brings along behind its first message is kept aside.</summary>
    private const int ReadAhead = 4096;

    /// <summary>Bytes that may wait to be sent to a client: more than it needs by far.</summary>
    private const int MaxUnsent = 256 * 1024;

    private readonly Dictionary<int, Greeting> _greetings = [];
    private readonly Dictionary<int, TunnelSession> _controls = [];

    /// <summary>Connections on Tunnel listeners that have not said yet what they are.</summary>
    public int Greetings => _greetings.Count;

    public RelayLoop Loop => loop;

    private TunnelService Service => loop.Engine.Tunnels!;

    public void OnEvent(int descriptor, Channel* channel, uint events)
    {
        if (channel->Kind == ChannelKind.Upstream)
        {
            OnLinkEvent(descriptor, channel, events);
            return;
        }

        if ((events & Epoll.Error) != 0)
        {
            HearLast(descriptor, channel);
            loop.Closer.Close(descriptor, CloseReason.ClientReset, reset: true);
            return;
        }

        if ((events & Epoll.Out) != 0 && channel->Pending != 0 && !Flush(descriptor, channel))
        {
            return;
        }

        if ((events & (Epoll.In | Epoll.ReadHangUp | Epoll.HangUp)) == 0)
        {
            return;
        }

        switch (channel->Phase)
        {
            case ChannelPhase.TunnelGreeting:
                ReadGreeting(descriptor, channel);
                break;
            case ChannelPhase.TunnelControl:
                ReadControl(descriptor, channel);
                break;
            case ChannelPhase.TunnelReady:
                ReadReady(descriptor, channel);
                break;
            case ChannelPhase.TunnelName:
                ReadName(descriptor, channel);
                break;
            default:
                // A visitor that waits is not read: its bytes are the tunnel's.
                channel->Flags |= ChannelFlags.ReadPaused;
                break;
        }
    }

    public void OnTimer(int descriptor, Channel* channel)
    {
        switch (channel->Phase)
        {
            case ChannelPhase.TunnelGreeting:
                OnGreetingTimer(descriptor, channel);
                break;
            case ChannelPhase.TunnelControl:
                OnControlTimer(descriptor, channel);
                break;
            case ChannelPhase.TunnelReady:
                OnReadyTimer(descriptor, channel);
                break;
            case ChannelPhase.TunnelVisitor or ChannelPhase.TunnelName or ChannelPhase.TunnelForward:
                OnVisitorTimer(descriptor, channel);
                break;
            default:
                loop.Closer.Close(descriptor, CloseReason.TunnelTimeout, reset: true);
                break;
        }
    }

    /// <summary>A connection ends that is not relayed yet: drops what is kept for it.</summary>
    public void Forget(int descriptor, Channel* channel)
    {
        switch (channel->Phase)
        {
            case ChannelPhase.TunnelGreeting:
                _greetings.Remove(descriptor);
                break;
            case ChannelPhase.TunnelControl:
                if (_controls.Remove(descriptor, out var session))
                {
                    OnControlLost(session);
                }

                break;
            case ChannelPhase.TunnelReady:
                ForgetLine(descriptor);
                break;
            case ChannelPhase.TunnelVisitor:
                ForgetVisitor(descriptor);
                break;
            case ChannelPhase.TunnelForward:
                ForgetForward(descriptor);
                break;
        }
    }

    /// <summary>After the loop's thread has ended.</summary>
    public void Dispose()
    {
        DisposeLinks();
        DisposePorts();
    }

    /// <summary>Sends a message; what the socket does not take follows. False: the connection is gone.</summary>
    private bool Say(int descriptor, Channel* channel, ReadOnlySpan<byte> message)
    {
        var full = channel->Pending != 0 && loop.Pending.Peek(channel->Pending).Length + message.Length > MaxUnsent;
        if (!full && loop.Frames.Send(descriptor, channel, message))
        {
            return true;
        }

        if (!full)
        {
            HearLast(descriptor, channel);
        }

        loop.Closer.Close(descriptor, full ? CloseReason.TunnelTimeout : CloseReason.ClientReset, reset: true);
        return false;
    }

    /// <summary>The last message: the end follows it.</summary>
    private void SayLast(int descriptor, Channel* channel, ReadOnlySpan<byte> message, CloseReason reason)
    {
        if (Say(descriptor, channel, message))
        {
            loop.Closer.Close(descriptor, reason, reset: false);
        }
    }

    private bool Flush(int descriptor, Channel* channel)
    {
        _ = loop.Pump.FlushBuffer(descriptor, channel);
        return channel->Kind != ChannelKind.None;
    }

    /// <summary>Takes a client out of every count and list of this loop; the socket stays open. What speaks TLS stays so.</summary>
    private void Detach(int descriptor, Channel* channel)
    {
        loop.Timers.Disarm(descriptor);
        loop.Unqueue(descriptor);
        loop.Unregister(descriptor);
        loop.Admission.Release(channel);
        loop.Balance.Closed();
        if (channel->Has(ChannelFlags.Side))
        {
            loop.Sides.Forget(descriptor);
        }

        if (channel->Pending != 0)
        {
            loop.Pending.Release(channel->Pending);
        }

        channel->Pending = 0;
        channel->Flags &= ChannelFlags.Tls;
        channel->Kind = ChannelKind.None;
        channel->Loop = 0;
    }

    /// <summary>Closes a socket that no loop has any more.</summary>
    private void CloseLoose(int descriptor, bool tls)
    {
        if (tls)
        {
            loop.Tls.Free(descriptor, reset: true);
        }

        _ = Libc.Close(descriptor);
    }
}
