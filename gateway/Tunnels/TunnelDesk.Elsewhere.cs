using System.Net;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels.Protocol;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Tunnels;

/// <summary>Visitors and data connections of tunnels that another gateway has: they go on to it, once, and keep their addresses.</summary>
internal sealed unsafe partial class TunnelDesk
{
    /// <summary>What <see cref="EventLoop.RegisterListener"/> calls the socket for other gateways.</summary>
    public const int PeerNumber = 1 << 30;

    /// <summary>Sockets of other gateways' tunnels have numbers from here on.</summary>
    private const int FirstForeign = 1 << 28;

    /// <summary>Between two looks for a tunnel whose owner is gone.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(250);

    private readonly Dictionary<int, ForeignPort> _foreign = [];
    private readonly Dictionary<int, Forward> _forwards = [];

    /// <summary>Connections on their way to another gateway.</summary>
    public int Forwards => _forwards.Count;

    /// <summary>Listens for visitors of another gateway's tunnel.</summary>
    public bool WatchForeign(OwnedThing thing, int socket, ushort listener)
    {
        var number = FirstForeign + NumberOf(thing);
        _foreign[number] = new ForeignPort(thing, socket, listener);
        return loop.RegisterListener(socket, number);
    }

    /// <summary>Listens no more; the socket stays open.</summary>
    public bool LeaveForeign(OwnedThing thing)
    {
        if (_foreign.Remove(FirstForeign + NumberOf(thing), out var port))
        {
            loop.Unregister(port.Socket);
        }

        return true;
    }

    /// <summary>Listens for other gateways no more.</summary>
    public bool LeavePeers(int socket)
    {
        loop.Unregister(socket);
        return true;
    }

    private static int NumberOf(OwnedThing thing) => int.Parse(thing.Id.AsSpan(4), System.Globalization.CultureInfo.InvariantCulture);

    private void AcceptForeign(int number)
    {
        if (_resumeAt != 0 || !_foreign.TryGetValue(number, out var port))
        {
            return;
        }

        for (var accepted = 0; accepted < MaxBatch; accepted++)
        {
            var visitor = Accept(port.Socket, out var address, out var from);
            if (visitor < 0)
            {
                return;
            }

            var listener = loop.Engine.Listeners[port.Listener];
            // A reload may have made it another protocol's, and the next round lets go of the port.
            var config = listener.Setup?.Config.Tunnel;
            var refusal =
                !loop.Table.Holds(visitor) ? RefusalReason.Resources
                : config is null ? RefusalReason.TunnelGone
                : loop.Admission.TakeVisitor(listener, address);
            if (refusal is not null)
            {
                listener.CountRefusal(refusal.Value);
                Libc.ResetOnClose(visitor);
                _ = Libc.Close(visitor);
                continue;
            }

            var channel = ClaimVisitor(visitor, port.Listener, address, from);
            SendOn(visitor, channel, new Forward(visitor, channel->Started, port.Thing) { IsTls = true }, config!.VisitorTimeout);
        }
    }

    /// <summary>The stream of a UDP port of another gateway's tunnel comes in as a visitor.</summary>
    public void ForwardStream(int stream, OwnedThing thing, ushort index, NetworkAddress address, ushort from)
    {
        var listener = loop.Engine.Listeners[index];
        if (
            !loop.Table.Holds(stream)
            || listener.Setup?.Config.Tunnel is not { } config
            || loop.Admission.TakeVisitor(listener, address) is not null
        )
        {
            _ = Libc.Close(stream);
            return;
        }

        var channel = ClaimVisitor(stream, index, address, from);
        SendOn(stream, channel, new Forward(stream, channel->Started, thing) { IsTls = true }, config.VisitorTimeout);
    }

    /// <summary>Another gateway connects.</summary>
    private void AcceptPeer()
    {
        var index = Array.FindIndex(loop.Engine.Listeners, static state => state.Setup?.Tunnel is not null);
        for (var accepted = 0; accepted < MaxBatch; accepted++)
        {
            var peer = Accept(Service.PeerDescriptor, out var address, out var from);
            if (peer < 0)
            {
                return;
            }

            if (index < 0)
            {
                _ = Libc.Close(peer);
                continue;
            }

            var refusal = loop.Table.Holds(peer) ? loop.Admission.TakePeer(address) : RefusalReason.Resources;
            if (refusal is not null)
            {
                loop.Engine.Listeners[index].CountRefusal(refusal.Value);
                _ = Libc.Close(peer);
                continue;
            }

            var channel = ClaimVisitor(peer, (ushort)index, address, from, isItself: false);
            channel->Flags |= ChannelFlags.Peer;
            Libc.SetOption(peer, SocketLevel.Tcp, SocketOption.TcpNoDelay, 1);
            Greet(peer, channel, Service.Peers!);
        }
    }

    /// <summary>Another gateway has brought a visitor of a tunnel here.</summary>
    private void TakeForward(int visitor, Channel* channel, Greeting greeting, ForwardMessage message)
    {
        var listener = Array.Find(loop.Engine.Listeners, state => state.Name == message.Listener && state.Setup is not null);
        var port = Service.Find(new OwnedThing(message.Thing));
        if (greeting.Listener != Service.Peers || listener is null || port is null)
        {
            SayLast(visitor, channel, ServerMessage.Error("no such tunnel"), CloseReason.TunnelGone);
            return;
        }

        var refusal =
            loop.Admission.Identify(channel, NetworkAddress.From(IPAddress.Parse(message.Address)))
            ?? loop.Admission.Enter(channel, listener);
        if (refusal is not null)
        {
            listener.CountRefusal(refusal.Value);
            SayLast(visitor, channel, ServerMessage.Error("refused"), CloseReason.Refused);
            return;
        }

        channel->Port = message.Port;
        if (loop.Countries.IsOn)
        {
            loop.Countries.Opened(visitor, channel);
        }

        _ = Move(
            visitor,
            channel,
            port.Session.Loop,
            desk =>
            {
                var here = desk.Loop.Table[visitor];
                if (port.Session.IsEnded || port.Slot < 0 || !port.Session.Tenant.TryVisit())
                {
                    desk.SayLast(visitor, here, ServerMessage.Error("no such tunnel"), CloseReason.TunnelGone);
                }
                else if (desk.Say(visitor, here, ForwardMessage.Go))
                {
                    desk.Hold(visitor, here, port, message.Http);
                }
                else
                {
                    port.Session.Tenant.Left();
                }
            }
        );
    }

    /// <summary>A data connection that another gateway waits for.</summary>
    private void BringElsewhere(int client, Channel* channel, Guid id, bool ready, byte[] early)
    {
        var verb = ready ? "Ready" : "Accept";
        var forward = new Forward(client, channel->Started, default)
        {
            Opening = [.. System.Text.Encoding.ASCII.GetBytes($"{{\"{verb}\":\"{id:D}\"}}\0"), .. early],
            Owner = TunnelId.Read(id).Owner,
            IsTls = true,
        };
        channel->Phase = ChannelPhase.TunnelForward;
        _forwards[client] = forward;
        // As long as its visitor waits. Nobody waits for one that is to be kept ready.
        var wait = ready ? null : loop.Engine.Listeners[channel->Listener].Setup?.Config.Tunnel?.VisitorTimeout;
        loop.Timers.Arm(client, loop.Tick + (wait is { } time ? TimerWheel.Ticks(time) : HandshakeTicks));
        Bring(forward);
    }

    private void Bring(Forward forward)
    {
        if (Service.OwnerOf(forward.Owner) is { } known)
        {
            Dial(forward, known);
            return;
        }

        // It may have come a moment ago.
        var (client, started) = (forward.Client, forward.Started);
        Service.Refresh(() => loop.Post(() => OnRefreshed(client, started)));
    }

    private void OnRefreshed(int client, long started)
    {
        if (ForwardOf(client, started) is not { } forward)
        {
            return;
        }

        if (Service.OwnerOf(forward.Owner) is { } known)
        {
            Dial(forward, known);
        }
        else
        {
            loop.Closer.Close(client, CloseReason.TunnelGone, reset: false);
        }
    }

    private void LookElsewhere(int visitor, Channel* channel, string host, bool isTls)
    {
        var thing = new OwnedThing($"name:{host}");
        var config = loop.Engine.Listeners[channel->Listener].Setup?.Config;
        SendOn(
            visitor,
            channel,
            new Forward(visitor, channel->Started, thing) { IsTls = isTls },
            config?.Tunnel?.VisitorTimeout ?? LookAgain
        );
    }

    /// <summary>Looks for the owner of what a visitor wants, for as long as it may wait.</summary>
    private void SendOn(int visitor, Channel* channel, Forward forward, TimeSpan wait)
    {
        channel->Phase = ChannelPhase.TunnelForward;
        _forwards[visitor] = forward;
        loop.Timers.Arm(visitor, loop.Tick + TimerWheel.Ticks(wait));
        Look(forward);
    }

    private void Look(Forward forward)
    {
        var (visitor, started) = (forward.Client, forward.Started);
        Service.Locate(
            forward.Thing,
            ask: forward.Tries > 0,
            (port, owner, isKnown) => loop.Post(() => OnLocated(visitor, started, port, owner, isKnown))
        );
    }

    private void OnLocated(int visitor, long started, TunnelPort? port, GatewayRecord? owner, bool isKnown)
    {
        if (ForwardOf(visitor, started) is not { } forward)
        {
            return;
        }

        var channel = loop.Table[visitor];
        if (port is not null)
        {
            _forwards.Remove(visitor);
            _ = Move(visitor, channel, port.Session.Loop, desk => desk.HoldNamed(visitor, port, forward.IsTls));
        }
        else if (owner is not null)
        {
            Dial(forward, owner);
        }
        else if (isKnown && forward.Tries == 0 && forward.Thing.Id.StartsWith("name:", StringComparison.Ordinal))
        {
            // Nobody has that name, says the registry. A port that is listened on had an owner a moment ago, which may come back.
            TurnAway(visitor, channel, RefusalReason.TunnelGone, forward.IsTls ? null : new Refusal(404, "no such tunnel"));
        }
        else
        {
            Retry(forward);
        }
    }

    /// <summary>The way to the owner failed, or it is not the owner any more: looks again in a moment, until the visitor's time is up.</summary>
    private void Retry(Forward forward)
    {
        if (forward.IsSent)
        {
            // Whoever got a part of it may have taken it.
            loop.Closer.Close(forward.Client, CloseReason.TunnelGone, reset: false);
            return;
        }

        forward.Tries++;
        var (visitor, started) = (forward.Client, forward.Started);
        Service.After(
            LookAgain,
            () =>
                loop.Post(() =>
                {
                    if (ForwardOf(visitor, started) is not { } again)
                    {
                        return;
                    }

                    if (again.Opening is null)
                    {
                        Look(again);
                    }
                    else
                    {
                        Bring(again);
                    }
                })
        );
    }

    private Forward? ForwardOf(int client, long started)
    {
        var channel = loop.Table[client];
        return
            channel->Kind == ChannelKind.Client
            && channel->Phase == ChannelPhase.TunnelForward
            && channel->Started == started
            && _forwards.TryGetValue(client, out var forward)
            ? forward
            : null;
    }

    private sealed record ForeignPort(OwnedThing Thing, int Socket, ushort Listener);

    /// <summary>A connection that waits for the way to another gateway.</summary>
    private sealed class Forward(int client, long started, OwnedThing thing)
    {
        public int Client { get; } = client;

        public long Started { get; } = started;

        /// <summary>What a visitor wants.</summary>
        public OwnedThing Thing { get; } = thing;

        /// <summary>Of a data connection: its message, and what came behind.</summary>
        public byte[]? Opening { get; init; }

        /// <summary>Of a data connection: the number of the gateway that it is for.</summary>
        public uint Owner { get; init; }

        /// <summary>Of a data connection: its message went out, or a part of it.</summary>
        public bool IsSent { get; set; }

        /// <summary>No answer in words: it speaks TLS, or nobody knows what.</summary>
        public bool IsTls { get; init; }

        /// <summary>Times that the way there failed.</summary>
        public int Tries { get; set; }

        /// <summary>Descriptor of the connection to the other gateway; -1: none.</summary>
        public int Link { get; set; } = -1;
    }
}
