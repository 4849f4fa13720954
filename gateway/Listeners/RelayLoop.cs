// Hot path: every event. See tests/benchmarks.
using System.Runtime.CompilerServices;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Bench;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Hub.Listening;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels;

namespace Mooring.Gateway.Listeners;

/// <summary>The loop of a gateway: hands each event to the part that the connection's phase belongs to.</summary>
internal sealed unsafe class RelayLoop : EventLoop
{
    /// <summary>How often the timers of connections look whether their listener, which is gone, has come back.</summary>
    private static readonly uint GoneTicks = TimerWheel.Ticks(TimeSpan.FromSeconds(1));

    private ulong _random;

    public RelayLoop(int number, EngineState engine, ChannelTable table, int pipes)
        : base($"loop-{number}", table, pipes, readBytes: 64 * 1024)
    {
        Owner = (byte)(number + 1);
        Engine = engine;
        _random = ((ulong)Clock() << 8) ^ ((ulong)number * 0x9E37_79B9_7F4A_7C15) | 1;
        Traffic = new TrafficCounter(this);
        Balance = new LoopBalance(this);
        Closer = new Closer(this);
        Pump = new Pump(this);
        Connector = new Connector(this);
        Waiting = new WaitingRoom(this);
        Acceptor = new Acceptor(this);
        Upgrader = new Upgrader(this);
        Frames = new FramePump(this);
        Guard = new FrameGuard(this);
        Identities = new Identities(this);
        Sides = new ConnectionSides(this);
        Admission = new Admission(this);
        Proxy = new ProxyStage(this);
        Greeting = new ProxyGreeting(this);
        Refuser = new Refuser(this);
        Shaper = new Shaper(this);
        Countries = new CountryCounter(this);
        Connections = new ConnectionList(this);
        Scale = new ConnectionScale(this);
        Probes = new PeerProbes(this);
        Tls = new TlsIo(this, engine.Tls);
        TlsAcceptor = new TlsAcceptor(this, engine.Tls);
        TlsConnector = new TlsConnector(this, engine.Tls);
        Tunnels = new TunnelDesk(this);
    }

    /// <summary>What stands for this loop in the channels it owns.</summary>
    public byte Owner { get; }

    public EngineState Engine { get; }

    public LoopCounters Counters { get; } = new();

    public TrafficCounter Traffic { get; }

    public LoopBalance Balance { get; }

    public Closer Closer { get; }

    public Pump Pump { get; }

    public Connector Connector { get; }

    public WaitingRoom Waiting { get; }

    public Acceptor Acceptor { get; }

    public Upgrader Upgrader { get; }

    public FramePump Frames { get; }

    public FrameGuard Guard { get; }

    public Identities Identities { get; }

    public ConnectionSides Sides { get; }

    public Admission Admission { get; }

    public ProxyStage Proxy { get; }

    public ProxyGreeting Greeting { get; }

    public Refuser Refuser { get; }

    public Shaper Shaper { get; }

    public CountryCounter Countries { get; }

    public ConnectionList Connections { get; }

    public ConnectionScale Scale { get; }

    public PeerProbes Probes { get; }

    public TlsIo Tls { get; }

    public TlsAcceptor TlsAcceptor { get; }

    public TlsConnector TlsConnector { get; }

    public TunnelDesk Tunnels { get; }

    /// <summary>Watches a client's socket. One that is watched already, and so may have had its edge, is looked at in the next turn.</summary>
    public bool Watch(int client, Channel* channel)
    {
        if (channel->Has(ChannelFlags.Watched))
        {
            Queue(client);
            return true;
        }

        channel->Flags |= ChannelFlags.Watched;
        return Register(client);
    }

    /// <summary>As <c>recv</c> into <see cref="EventLoop.ReadBuffer"/>, of what is inside where the socket speaks TLS.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Receive(int descriptor, Channel* channel, int length) =>
        channel->Has(ChannelFlags.Tls) ? Tls.Receive(descriptor, length) : (int)Libc.Receive(descriptor, ReadBuffer, (nuint)length, 0);

    /// <summary>As <c>send</c>, sealed where the socket speaks TLS.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Send(int descriptor, Channel* channel, byte* data, int length) =>
        channel->Has(ChannelFlags.Tls)
            ? Tls.Send(descriptor, data, length)
            : (int)Libc.Send(descriptor, data, (nuint)length, SocketFlag.NoSignal);

    /// <summary>Ends what is written to a socket.</summary>
    public void EndOutput(int descriptor, Channel* channel)
    {
        if (channel->Has(ChannelFlags.Tls))
        {
            Tls.EndOutput(descriptor);
        }
        else
        {
            _ = Libc.Shutdown(descriptor, SocketFlag.ShutdownWrite);
        }
    }

    /// <summary>The Hub's side; null as long as the loop has had no connection to a Hub listener.</summary>
    public HubIo? Hub { get; private set; }

    /// <summary>The Hub's side, made where there is none.</summary>
    public HubIo StartHub() => Hub ??= new HubIo(this);

    /// <summary>The echo's side; null but in <c>gateway bench echo --reactor</c>.</summary>
    public EchoIo? Echo { get; private set; }

    /// <summary>The echo's side, made where there is none.</summary>
    public EchoIo StartEcho() => Echo ??= new EchoIo(this);

    /// <summary>The UDP side; null as long as the loop has had no UDP socket.</summary>
    public DatagramLoop? Datagrams { get; private set; }

    /// <summary>The UDP side, made where there is none.</summary>
    public DatagramLoop StartDatagrams() => Datagrams ??= new DatagramLoop(this);

    /// <summary>64 fresh random bits (xorshift64*): for balancing, not for secrets.</summary>
    public ulong NextRandom()
    {
        _random ^= _random >> 12;
        _random ^= _random << 25;
        _random ^= _random >> 27;
        return _random * 0x2545_F491_4F6C_DD1D;
    }

    public override void Dispose()
    {
        base.Dispose();
        Balance.Dispose();
        Acceptor.Free();
        Frames.Dispose();
        Guard.Dispose();
        Identities.Dispose();
        Sides.Dispose();
        TlsConnector.Dispose();
        Datagrams?.Dispose();
        Hub?.Dispose();
        Echo?.Dispose();
        Refuser.Dispose();
        Shaper.Dispose();
        Tunnels.Dispose();
    }

    protected override void OnEvent(int descriptor, uint events)
    {
        var channel = Table[descriptor];
        if (channel->Kind == ChannelKind.None)
        {
            // Closed earlier in this turn.
            return;
        }

        if (channel->Has(ChannelFlags.Tls))
        {
            events = Tls.Translate(descriptor, events);
        }

        if (channel->Phase == ChannelPhase.Relaying)
        {
            Pump.OnEvent(descriptor, channel, events);
        }
        else
        {
            OnEarlyEvent(descriptor, channel, events);
        }
    }

    /// <summary>Before bytes flow, and WebSockets.</summary>
    /// <remarks>Where what a peer sends is parsed: a bug there must end that connection and not the thread, with all the others.</remarks>
    private void OnEarlyEvent(int descriptor, Channel* channel, uint events)
    {
        if (channel->Kind == ChannelKind.Datagram)
        {
            try
            {
                Datagrams!.OnEvent(descriptor, channel, events);
            }
            catch (Exception error)
            {
                // What else came is lost, as datagrams are.
                OnDatagramFault(error);
            }

            return;
        }

        var client = channel->Kind == ChannelKind.Client ? descriptor : channel->Peer;
        try
        {
            if (channel->Phase == ChannelPhase.Connecting)
            {
                if (channel->Kind == ChannelKind.Upstream)
                {
                    Connector.OnEvent(descriptor, channel, events);
                }
                else
                {
                    Connector.OnClientEvent(descriptor, channel, events);
                }
            }
            else if (channel->Phase == ChannelPhase.ProxyHeader)
            {
                Proxy.OnEvent(descriptor, channel, events);
            }
            else if (channel->Phase == ChannelPhase.Securing)
            {
                TlsAcceptor.OnEvent(descriptor, channel, events);
            }
            else if (channel->Phase == ChannelPhase.Refused)
            {
                Refuser.OnEvent(descriptor);
            }
            else if (channel->Phase >= ChannelPhase.TunnelGreeting)
            {
                Tunnels.OnEvent(descriptor, channel, events);
            }
            else if (channel->Phase == ChannelPhase.Hub)
            {
                Hub!.OnEvent(descriptor, channel, events);
            }
            else if (channel->Phase == ChannelPhase.Echo)
            {
                Echo!.OnEvent(descriptor, channel, events);
            }
            else
            {
                Upgrader.OnEvent(descriptor, channel, events);
            }
        }
        catch (Exception error)
        {
            OnFault(client, error);
        }
    }

    private void EndDatagramTurn()
    {
        try
        {
            Datagrams?.OnTurnEnd();
        }
        catch (Exception error)
        {
            OnDatagramFault(error);
            // What it had not come to is closed in the next turn.
            Wake();
        }
    }

    private void OnDatagramFault(Exception error)
    {
        Datagrams!.Recover();
        OnFault(-1, error);
    }

    private void EndHubTurn()
    {
        try
        {
            Hub?.OnTurnEnd();
        }
        catch (Exception error)
        {
            OnFault(-1, error);
            // What it had not come to is still queued.
            Wake();
        }
    }

    /// <summary>The gateway's own fault ends the connection that it came with, and no other.</summary>
    /// <param name="client">The client's descriptor; -1: there is none.</param>
    /// <param name="error">What was thrown.</param>
    public void OnFault(int client, Exception error)
    {
        FaultGuard.Count();
        Console.Error.WriteLine(
            $"{Thread.CurrentThread.Name}: {(client < 0 ? "a fault of the gateway" : "a connection is closed for a fault of the gateway")}: {error}"
        );
        if (client >= 0 && Table[client]->Kind == ChannelKind.Client)
        {
            Closer.Close(client, CloseReason.Fault, reset: true);
        }
    }

    protected override void OnAcceptable(int listener)
    {
        try
        {
            if (listener >= TunnelDesk.FirstSlot)
            {
                Tunnels.OnAcceptable(listener);
            }
            else
            {
                Acceptor.OnAcceptable(listener);
            }
        }
        catch (Exception error)
        {
            // Level-triggered: whoever waits comes in the next turn.
            OnFault(-1, error);
        }
    }

    protected override void OnTimer(int descriptor)
    {
        var client = Table[descriptor];
        try
        {
            switch (client->Phase)
            {
                case ChannelPhase.Connecting:
                    Connector.OnTimeout(descriptor, client);
                    break;
                case ChannelPhase.ProxyHeader:
                    Proxy.OnTimer(descriptor, client);
                    break;
                case ChannelPhase.Refused:
                    Refuser.End(descriptor);
                    break;
                case ChannelPhase.Relaying:
                    OnIdleTimer(descriptor, client);
                    break;
                case ChannelPhase.Securing:
                    TlsAcceptor.OnTimer(descriptor, client);
                    break;
                case ChannelPhase.Flow:
                    Datagrams!.OnTimer(descriptor, client);
                    break;
                case >= ChannelPhase.TunnelGreeting:
                    Tunnels.OnTimer(descriptor, client);
                    break;
                case ChannelPhase.Hub:
                    Hub!.OnTimer(descriptor);
                    break;
                case ChannelPhase.Echo:
                    Echo!.OnTimer(descriptor);
                    break;
                default:
                    Upgrader.OnTimer(descriptor, client);
                    break;
            }
        }
        catch (Exception error)
        {
            OnFault(descriptor, error);
        }
    }

    protected override void OnWoken()
    {
        Balance.TakeGiven();
        Acceptor.OnWoken();
    }

    protected override void OnTurnEnd()
    {
        Acceptor.OnTurnEnd();
        EndDatagramTurn();
        EndHubTurn();
        Shaper.OnTurnEnd();
        Tunnels.OnTurnEnd();
    }

    protected override void OnCommandFault(Exception error) => OnFault(-1, error);

    protected override void OnDescriptorsFreed(int count) => Acceptor.OnDescriptorsFreed(count);

    /// <summary>What the listener of a client that is served does; null where it is gone, or another has its name now.</summary>
    public ListenerSnapshot? ConfigOf(Channel* client)
    {
        var state = Engine.Listeners[client->Listener];
        if (state.Setup?.Config is not { } config || client->Started < state.ReplacedAt)
        {
            return null;
        }

        // What another process has handed over may be of a listener that was replaced there.
        var fits =
            client->Phase == ChannelPhase.WebSocket
                ? config.Protocol == ListenerProtocol.WebSocket
                : config.Protocol is ListenerProtocol.TCP or ListenerProtocol.Tunnel;
        return fits ? config : null;
    }

    /// <summary>Starts the timer of a client that is served now, where its listener ends what is idle or old.</summary>
    public void StartIdleTimer(int descriptor, Channel* client)
    {
        client->LastActive = Tick;
        var config = ConfigOf(client);
        if (config?.Limits.IsShaped == true)
        {
            Shaper.Attach(descriptor, client);
        }

        var wait = config is null ? 0 : config.IdleTicks;
        if (config?.Features.PingTicks is > 0 and var ping && client->Phase == ChannelPhase.WebSocket)
        {
            wait = wait == 0 ? ping : Math.Min(wait, ping);
        }

        if (config?.Lifetime is { } lifetime)
        {
            // At its end already: the timer says so in the next turn.
            var left = Math.Max(1, lifetime.TicksLeft(descriptor, client->Started, Now));
            wait = wait == 0 ? left : Math.Min(wait, left);
        }

        if (wait > 0)
        {
            Timers.Arm(descriptor, Tick + wait);
        }
        else
        {
            Timers.Disarm(descriptor);
        }
    }

    /// <summary>Activity only notes its time: the timer looks when it is due, and goes on from there.</summary>
    public void OnIdleTimer(int descriptor, Channel* client)
    {
        if (ConfigOf(client) is not { } config)
        {
            // It may come back, and its timeouts with it.
            Timers.Arm(descriptor, Tick + GoneTicks);
            return;
        }

        uint wait = 0;
        if (config.IdleTicks is > 0 and var idle)
        {
            if ((int)(Tick - client->LastActive) >= (int)idle)
            {
                Closer.Close(descriptor, CloseReason.IdleTimeout, reset: false);
                return;
            }

            wait = client->LastActive + idle - Tick;
        }

        if (config.Features.PingTicks > 0 && client->Phase == ChannelPhase.WebSocket)
        {
            var next = Frames.Ping(descriptor, client, config.Features);
            if (next == 0)
            {
                return;
            }

            wait = wait == 0 ? next : Math.Min(wait, next);
        }

        if (config.Lifetime is { } lifetime)
        {
            var left = lifetime.TicksLeft(descriptor, client->Started, Now);
            if (left == 0)
            {
                Connections.Close(descriptor, client, CloseReason.MaxDuration);
                return;
            }

            wait = wait == 0 ? left : Math.Min(wait, left);
        }

        if (wait > 0)
        {
            Timers.Arm(descriptor, Tick + wait);
        }
    }
}
