using System.Net;
using System.Text;
using System.Text.Json;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels;

/// <summary>Connections to other gateways, each used once: those for visitors dialled and authenticated ahead, as many as came at once of late.</summary>
/// <remarks>A spare counts as a connection where it goes, so there are few, for as long as visitors come and tunnels are there.</remarks>
internal sealed unsafe partial class TunnelDesk
{
    /// <summary>Connections to one gateway that a loop has dialled ahead, at most.</summary>
    public const int MaxSpares = 4;

    /// <summary>A spare is let go of after this: some box on the way may have forgotten it.</summary>
    private const long SpareMicroseconds = 20_000_000;

    /// <summary>A gateway that takes longer to answer may be paused: whoever wanted it looks again.</summary>
    private const long AnswerMicroseconds = 2_000_000;

    /// <summary>So long for one that has kept somebody waiting already: the tunnel may be elsewhere by now.</summary>
    private const long AgainMicroseconds = 1_000_000;

    private readonly Dictionary<int, PeerLink> _links = [];

    /// <summary>Those that nobody has wanted yet, by where they go; the oldest first.</summary>
    private readonly Dictionary<string, List<PeerLink>> _spares = [];

    /// <summary>Connections to other gateways that carry nothing yet.</summary>
    public int Links => _links.Count;

    /// <summary>Those of them that are ready for the next visitor.</summary>
    public int Spares => _spares.Values.Sum(static spares => spares.Count(static link => link.State == LinkState.Idle));

    /// <summary>Sends a connection on to another gateway.</summary>
    private void Dial(Forward forward, GatewayRecord owner)
    {
        // Only who is answered, and may go another way if not, goes by one that was dialled before; and only once, since others may be as dead.
        var takesSpare = forward.Opening is null && forward.Tries == 0;
        var spare = takesSpare ? TakeSpare(owner) : null;
        var link = spare ?? Connect(owner);
        if (link is null)
        {
            Retry(forward);
            return;
        }

        link.Forward = forward;
        link.Wanted = loop.Now;
        forward.Link = link.Descriptor;
        loop.Table[link.Descriptor]->Peer = forward.Client;
        if (spare is not null)
        {
            Begin(link);
        }

        if (takesSpare)
        {
            // Whoever needs one may need another.
            Refill(owner);
        }
    }

    /// <summary>One more, unless there are enough, greeted or not.</summary>
    private void Refill(GatewayRecord owner)
    {
        var address = owner.Peer!.Address;
        if (owner.State != GatewayState.Serving || _spares.GetValueOrDefault(address)?.Count >= MaxSpares || Connect(owner) is not { } link)
        {
            return;
        }

        if (!_spares.TryGetValue(address, out var spares))
        {
            _spares.Add(address, spares = []);
        }

        spares.Add(link);
    }

    private PeerLink? TakeSpare(GatewayRecord owner)
    {
        var spare = _spares
            .GetValueOrDefault(owner.Peer!.Address)
            ?.Find(link => link.State == LinkState.Idle && link.Key == owner.Peer.Key);
        if (spare is not null)
        {
            LeaveSpares(spare);
        }

        return spare;
    }

    private void LeaveSpares(PeerLink link)
    {
        if (_spares.TryGetValue(link.Address, out var spares) && spares.Remove(link) && spares.Count == 0)
        {
            _spares.Remove(link.Address);
        }
    }

    private PeerLink? Connect(GatewayRecord owner)
    {
        if (!IPEndPoint.TryParse(owner.Peer!.Address, out var end))
        {
            return null;
        }

        var address = KernelAddress.From(end.Address, end.Port);
        var socket = Libc.Socket(address.Family, SocketFlag.Stream | SocketFlag.NonBlocking | SocketFlag.CloseOnExec, 0);
        if (socket < 0)
        {
            return null;
        }

        var channel = loop.Table.Claim(socket, ChannelKind.Upstream, ChannelPhase.TunnelForward);
        Libc.SetOption(socket, SocketLevel.Tcp, SocketOption.TcpNoDelay, 1);
        Libc.SetOption(socket, SocketLevel.Socket, SocketOption.KeepAlive, 1);
        Libc.SetOption(socket, SocketLevel.Tcp, SocketOption.TcpUserTimeout, UserTimeoutMilliseconds);
        if (
            channel == null
            || (Libc.Connect(socket, &address, address.Length) < 0 && Libc.LastError != Errno.EINPROGRESS)
            || !loop.Register(socket)
        )
        {
            if (channel != null)
            {
                channel->Kind = ChannelKind.None;
            }

            _ = Libc.Close(socket);
            return null;
        }

        channel->Started = loop.Now;
        channel->NoDelay = true;
        var link = new PeerLink(socket, owner.Peer.Address, owner.Peer.Key, loop.Now);
        _links[socket] = link;
        return link;
    }

    /// <summary>Of a connection to another gateway that carries nothing yet.</summary>
    private void OnLinkEvent(int descriptor, Channel* channel, uint events)
    {
        if (!_links.TryGetValue(descriptor, out var link))
        {
            return;
        }

        if ((events & Epoll.Error) != 0 || !ReadLink(link, channel))
        {
            DropLink(link);
        }
    }

    /// <summary>False: it is of no use any more.</summary>
    private bool ReadLink(PeerLink link, Channel* channel)
    {
        while (_links.GetValueOrDefault(link.Descriptor) == link)
        {
            // A byte at a time once it answers: what follows the answer are the tunnel's own bytes.
            var wanted = link.State == LinkState.Asked ? 1 : 128;
            var count = (int)Libc.Receive(link.Descriptor, loop.ReadBuffer, (nuint)wanted, 0);
            if (count <= 0)
            {
                return count < 0 && Libc.LastError is Errno.EAGAIN or Errno.EINTR or Errno.ENOTCONN;
            }

            for (var i = 0; i < count; i++)
            {
                if (loop.ReadBuffer[i] != 0)
                {
                    link.Input.Add(loop.ReadBuffer[i]);
                    if (link.Input.Count > ClientMessage.MaxBytes)
                    {
                        return false;
                    }

                    continue;
                }

                var message = Encoding.UTF8.GetString(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(link.Input));
                link.Input.Clear();
                if (!HandleLink(link, channel, message))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private bool HandleLink(PeerLink link, Channel* channel, string message)
    {
        switch (link.State)
        {
            case LinkState.Greeted when TryChallenge(message, out var challenge):
                var answer = Encoding.ASCII.GetBytes($"{{\"Authenticate\":\"{TunnelKey.Answer(TunnelKey.Of(link.Key), challenge)}\"}}\0");
                if (!loop.Frames.Send(link.Descriptor, channel, answer))
                {
                    return false;
                }

                link.State = LinkState.Idle;
                if (link.Forward is not null)
                {
                    Begin(link);
                }

                return true;
            case LinkState.Asked when message == "\"Go\"":
                Carry(link, channel);
                return true;
            default:
                return false;
        }
    }

    /// <summary>The connection is used from here on.</summary>
    private void Begin(PeerLink link)
    {
        var forward = link.Forward!;
        var channel = loop.Table[link.Descriptor];
        var client = loop.Table[forward.Client];
        var message =
            forward.Opening
            ?? ForwardMessage.Write(
                new ForwardMessage
                {
                    Listener = loop.Engine.Listeners[client->Listener].Name,
                    Thing = forward.Thing.Id,
                    Address = client->Address.ToString(),
                    Port = client->Port,
                    Http = !forward.IsTls,
                }
            );
        forward.IsSent = forward.Opening is not null;
        if (!loop.Frames.Send(link.Descriptor, channel, message) || channel->Pending != 0)
        {
            DropLink(link);
            return;
        }

        link.State = LinkState.Asked;
        if (forward.Opening is not null)
        {
            Carry(link, channel);
        }
    }

    /// <summary>The way stands: from here on they are a client and its upstream.</summary>
    private void Carry(PeerLink link, Channel* upstream)
    {
        var forward = link.Forward!;
        _links.Remove(link.Descriptor);
        _forwards.Remove(forward.Client);
        var client = loop.Table[forward.Client];
        var endpoint = Service.EndpointOf(loop.Engine.Listeners[client->Listener]);
        if (endpoint is null)
        {
            upstream->Kind = ChannelKind.None;
            loop.CloseLater(link.Descriptor);
            loop.Closer.Close(forward.Client, CloseReason.TunnelGone, reset: true);
            return;
        }

        upstream->Phase = ChannelPhase.Relaying;
        // What it said meanwhile is read from here on.
        client->Flags &= ~ChannelFlags.ReadPaused;
        loop.Sides.Claim(forward.Client, client)->Tunnel = -1;
        Link(forward.Client, client, link.Descriptor, upstream, endpoint);
        Flow(forward.Client, client, link.Descriptor, upstream, []);
    }

    /// <summary>Closes a connection to another gateway that carries nothing; whoever wanted it looks again.</summary>
    private void DropLink(PeerLink link)
    {
        if (!_links.Remove(link.Descriptor))
        {
            return;
        }

        LeaveSpares(link);
        var channel = loop.Table[link.Descriptor];
        if (channel->Pending != 0)
        {
            loop.Pending.Release(channel->Pending);
            channel->Pending = 0;
        }

        if (link.State == LinkState.Asked)
        {
            // An owner that was paused is not to hold, nor have its client fetch, a visitor who goes another way by now.
            Libc.ResetOnClose(link.Descriptor);
        }

        loop.CloseLater(link.Descriptor);
        if (link.Forward is { } forward && _forwards.GetValueOrDefault(forward.Client) == forward)
        {
            link.Forward = null;
            forward.Link = -1;
            Retry(forward);
        }
    }

    /// <summary>Lets go of what waits for nobody. Once a second.</summary>
    public void Tidy()
    {
        DispatchOverdue();
        foreach (
            var link in _links
                .Values.Where(link =>
                    link.Forward is { } forward
                        ? loop.Now - link.Wanted > (forward.Tries > 0 ? AgainMicroseconds : AnswerMicroseconds)
                        : loop.Now - link.Since > SpareMicroseconds || !Service.HasTunnels(link.Address)
                )
                .ToList()
        )
        {
            DropLink(link);
        }
    }

    private void DisposeLinks()
    {
        foreach (var link in _links.Values)
        {
            _ = Libc.Close(link.Descriptor);
        }

        _links.Clear();
    }

    private void ForgetForward(int client)
    {
        if (_forwards.Remove(client, out var forward) && forward.Link >= 0 && _links.TryGetValue(forward.Link, out var link))
        {
            link.Forward = null;
            DropLink(link);
        }
    }

    private static bool TryChallenge(string message, out Guid challenge)
    {
        challenge = default;
        try
        {
            using var json = JsonDocument.Parse(message);
            return json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty("Challenge", out var id)
                && id.ValueKind == JsonValueKind.String
                && id.TryGetGuid(out challenge);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    private enum LinkState
    {
        /// <summary>Connecting, or the challenge has not come.</summary>
        Greeted,

        /// <summary>Ready.</summary>
        Idle,

        /// <summary>The visitor was announced.</summary>
        Asked,
    }

    private sealed class PeerLink(int descriptor, string address, string key, long since)
    {
        public int Descriptor { get; } = descriptor;

        public string Address { get; } = address;

        public string Key { get; } = key;

        public long Since { get; } = since;

        /// <summary>When somebody wanted it.</summary>
        public long Wanted { get; set; }

        public LinkState State { get; set; }

        public List<byte> Input { get; } = [];

        /// <summary>Whom it is for; null: nobody yet.</summary>
        public Forward? Forward { get; set; }
    }
}
