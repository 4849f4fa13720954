using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels;

/// <summary>From accept to where it is known what a connection is: a control connection, a data connection, or nothing good.</summary>
internal sealed unsafe partial class TunnelDesk
{
    /// <summary>Longer than other gateways keep a connection that carries nothing.</summary>
    private static readonly uint PeerTicks = TimerWheel.Ticks(TimeSpan.FromSeconds(60));

    /// <summary>A client was accepted on a Tunnel listener, and has its TLS where it has one.</summary>
    public void Start(int client, Channel* channel, ListenerSetup setup)
    {
        if (setup.Config.Tunnel!.VisitorsOf is not null)
        {
            StartNamed(client, channel, setup);
            return;
        }

        Greet(client, channel, setup.Tunnel!);
    }

    /// <summary>Begins with a connection of which nothing is known.</summary>
    private void Greet(int client, Channel* channel, TunnelListener listener)
    {
        channel->Phase = ChannelPhase.TunnelGreeting;
        var greeting = new Greeting(listener) { Challenge = Guid.NewGuid(), Tenant = listener.Anybody };
        greeting.Authenticated = !greeting.Listener.AsksForSecret;
        _greetings[client] = greeting;
        loop.Timers.Arm(client, loop.Tick + HandshakeTicks);
        if (!loop.Watch(client, channel))
        {
            loop.Closer.Close(client, CloseReason.Resources, reset: true);
        }
        else if (!greeting.Authenticated)
        {
            _ = Say(client, channel, ServerMessage.Challenge(greeting.Challenge));
        }
    }

    private void ReadGreeting(int client, Channel* channel)
    {
        var greeting = _greetings[client];
        while (IsGreeting(client, greeting))
        {
            var count = loop.Receive(client, channel, ReadAhead);
            if (count <= 0)
            {
                if (count == 0 || Libc.LastError is not (Errno.EAGAIN or Errno.EINTR))
                {
                    loop.Closer.Close(client, CloseReason.ClientClosed, reset: false);
                }

                return;
            }

            loop.Traffic.Received(channel, count);
            greeting.Add(new ReadOnlySpan<byte>(loop.ReadBuffer, count));
            if (greeting.Opening)
            {
                // Ours may say that it lives meanwhile; nobody has more to say.
                if (greeting.Rest.Length > ReadAhead)
                {
                    Refuse(client, channel, RefusalReason.BadRequest, CloseReason.ProtocolError);
                }

                continue;
            }

            TakeMessages(client, channel, greeting);
        }
    }

    /// <summary>False: it is something else by now, or gone. What its channel says may be another loop's already.</summary>
    private bool IsGreeting(int client, Greeting greeting) => _greetings.GetValueOrDefault(client) == greeting;

    private void TakeMessages(int client, Channel* channel, Greeting greeting)
    {
        while (IsGreeting(client, greeting) && !greeting.Opening)
        {
            var rest = greeting.Rest;
            var end = rest.IndexOf((byte)0);
            var limit = ClientMessage.Limit(rest);
            if (end > limit || (end < 0 && rest.Length > limit))
            {
                Refuse(client, channel, RefusalReason.BadRequest, CloseReason.ProtocolError);
                return;
            }

            if (end < 0)
            {
                return;
            }

            var message = ClientMessage.Parse(rest[..end]);
            greeting.Take(end + 1);
            Handle(client, channel, greeting, message);
        }
    }

    private void Handle(int client, Channel* channel, Greeting greeting, ClientMessage message)
    {
        if (!greeting.Authenticated)
        {
            if (message.Verb != ClientVerb.Authenticate)
            {
                RefuseSecret(client, channel, "server requires secret, but no secret was provided");
            }
            else if (greeting.Listener.Verify(greeting.Challenge, message.Text) is not { } tenant)
            {
                RefuseSecret(client, channel, "invalid secret");
            }
            else
            {
                (greeting.Authenticated, greeting.Tenant) = (true, tenant);
                // Other gateways connect ahead, and say later what for.
                loop.Timers.Arm(client, loop.Tick + (greeting.Listener == Service.Peers ? PeerTicks : HandshakeTicks));
            }

            return;
        }

        switch (message.Verb)
        {
            case ClientVerb.Forward:
                TakeForward(client, channel, greeting, message.Forward!);
                break;
            case ClientVerb.Hello or ClientVerb.Open when greeting.Listener == Service.Peers:
                Refuse(client, channel, RefusalReason.BadRequest, CloseReason.ProtocolError);
                break;
            case ClientVerb.Hello:
                var request = new OpenRequest { Ports = [new PortRequest { Protocol = TunnelProtocol.Tcp, Port = message.Port }] };
                Open(client, channel, greeting, request, isBore: true);
                break;
            case ClientVerb.Open:
                Open(client, channel, greeting, message.Open!, isBore: false);
                break;
            case ClientVerb.Accept:
                Bring(client, channel, message.Id, ready: false, greeting.Rest.ToArray());
                break;
            case ClientVerb.Ready:
                Bring(client, channel, message.Id, ready: true, greeting.Rest.ToArray());
                break;
            default:
                Refuse(client, channel, RefusalReason.BadRequest, CloseReason.ProtocolError);
                break;
        }
    }

    private void Open(int client, Channel* channel, Greeting greeting, OpenRequest request, bool isBore)
    {
        greeting.Opening = true;
        loop.Timers.Arm(client, loop.Tick + OpeningTicks);
        if (request.Echoes && !Say(client, channel, ServerMessage.Heartbeat))
        {
            return;
        }

        var started = channel->Started;
        var order = new OpenOrder(greeting.Listener, channel->Listener, greeting.Tenant, request, isBore, loop, channel->Address);
        Service.Open(order, result => loop.Post(() => OnOpened(client, started, result)));
    }

    /// <summary>The service has decided.</summary>
    private void OnOpened(int client, long started, OpenResult result)
    {
        var channel = loop.Table.Holds(client) ? loop.Table[client] : null;
        var waits =
            channel != null
            && channel->Kind == ChannelKind.Client
            && channel->Phase == ChannelPhase.TunnelGreeting
            && channel->Started == started
            && channel->Loop == loop.Owner;
        if (result.Session is not { } session)
        {
            if (waits)
            {
                loop.Engine.Listeners[channel->Listener].CountRefusal(RefusalReason.TunnelRefused);
                SayLast(client, channel, ServerMessage.Error(result.Error), CloseReason.Refused);
            }

            return;
        }

        if (!waits)
        {
            GiveUp(result);
            return;
        }

        var greeting = _greetings[client];
        if (session.Loop == loop)
        {
            TakeControl(client, session, greeting.Rest.ToArray(), result.Resumed);
            return;
        }

        // The tunnel that it goes on with is another loop's.
        var rest = greeting.Rest.ToArray();
        if (!Move(client, channel, session.Loop, desk => desk.TakeControl(client, session, rest, resumed: true)))
        {
            GiveUp(result);
        }
    }

    /// <summary>The client has not waited. What was there before stays for its grace: the client may be on its way again.</summary>
    private static void GiveUp(OpenResult result)
    {
        if (!result.Resumed)
        {
            TunnelService.Unclaimed(result.Session!);
        }
    }

    private void OnGreetingTimer(int client, Channel* channel)
    {
        // Whoever waits for the service is told by it; the time is the last resort.
        Refuse(client, channel, RefusalReason.HandshakeTimeout, CloseReason.HandshakeTimeout);
    }

    private void RefuseSecret(int client, Channel* channel, string text)
    {
        loop.Engine.Listeners[channel->Listener].CountRefusal(RefusalReason.TunnelSecret);
        SayLast(client, channel, ServerMessage.Error(text), CloseReason.Refused);
    }

    private void Refuse(int client, Channel* channel, RefusalReason refusal, CloseReason reason)
    {
        loop.Engine.Listeners[channel->Listener].CountRefusal(refusal);
        loop.Closer.Close(client, reason, reset: false);
    }

    /// <summary>A connection that has not said yet what it is.</summary>
    private sealed class Greeting(TunnelListener listener)
    {
        private byte[] _bytes = [];
        private int _start;
        private int _end;

        public TunnelListener Listener { get; } = listener;

        public required Guid Challenge { get; init; }

        public required TunnelTenant Tenant { get; set; }

        public bool Authenticated { get; set; }

        /// <summary>The service looks at what it asks for.</summary>
        public bool Opening { get; set; }

        /// <summary>What has come and is not taken.</summary>
        public ReadOnlySpan<byte> Rest => _bytes.AsSpan(_start, _end - _start);

        public void Add(ReadOnlySpan<byte> more)
        {
            if (_end + more.Length > _bytes.Length)
            {
                var grown = new byte[Math.Max(256, (_end - _start + more.Length) * 2)];
                Rest.CopyTo(grown);
                (_end, _start, _bytes) = (_end - _start, 0, grown);
            }

            more.CopyTo(_bytes.AsSpan(_end));
            _end += more.Length;
        }

        public void Take(int count) => _start += count;
    }
}

/// <param name="Listener">Where.</param>
/// <param name="ListenerIndex">Its index.</param>
/// <param name="Tenant">Who.</param>
/// <param name="Request">What for.</param>
/// <param name="IsBore">The client speaks bore's protocol alone.</param>
/// <param name="Loop">The loop of the control connection.</param>
/// <param name="Client">Its address.</param>
internal sealed record OpenOrder(
    TunnelListener Listener,
    ushort ListenerIndex,
    TunnelTenant Tenant,
    OpenRequest Request,
    bool IsBore,
    RelayLoop Loop,
    NetworkAddress Client
)
{
    /// <summary>Of the tunnel's key; empty: it cannot be taken up again.</summary>
    public string Print { get; init; } = "";
}

/// <param name="Session">Null: refused.</param>
/// <param name="Error">Why, for the client.</param>
/// <param name="Resumed">It was there already.</param>
internal sealed record OpenResult(TunnelSession? Session, string Error = "", bool Resumed = false);
