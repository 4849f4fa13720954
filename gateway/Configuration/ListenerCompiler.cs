using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Configuration;

/// <summary>The listeners' part of <see cref="ConfigCompiler"/>. Pure.</summary>
internal static class ListenerCompiler
{
    private const int MaxRoutes = 64;
    private const int MaxHosts = 16;
    private static readonly TimeSpan MaxIdle = TimeSpan.FromHours(24);

    public static IReadOnlyList<ListenerSnapshot> Compile(
        IReadOnlyList<ListenerConfig> listeners,
        HashSet<string> backends,
        ErrorList errors
    )
    {
        if (listeners.Count > ConfigCompiler.MaxListeners)
        {
            errors.Add("listeners", $"has {listeners.Count} items; must have at most {ConfigCompiler.MaxListeners}");
            return [];
        }

        var names = new HashSet<string>();
        var ports = new Dictionary<(bool Datagram, int Port), string>();
        var result = new List<ListenerSnapshot>(listeners.Count);
        for (var i = 0; i < listeners.Count; i++)
        {
            var path = $"listeners[{i}]";
            var listener = listeners[i];
            errors.Label($"{path}.name", listener.Name);
            if (!names.Add(listener.Name))
            {
                errors.Add($"{path}.name", $"'{listener.Name}' is taken by another listener");
            }

            CheckPorts(path, listener, ports, errors);
            errors.Range($"{path}.maxConnections", listener.MaxConnections, 0, 10_000_000);
            if (listener.Backend is not null && !backends.Contains(listener.Backend))
            {
                errors.Add($"{path}.backend", $"there is no backend '{listener.Backend}'");
            }

            TlsCompiler.Check(path, listener, backends, errors);
            switch (listener.Protocol)
            {
                case ListenerProtocol.TCP:
                    CheckTcp(path, listener, errors);
                    break;
                case ListenerProtocol.UDP:
                    UdpListenerCompiler.Check(path, listener, errors);
                    break;
                case ListenerProtocol.WebSocket:
                    CheckWebSocket(path, listener, backends, errors);
                    break;
                case ListenerProtocol.Tunnel:
                    TunnelCompiler.Check(path, listener, errors);
                    break;
                default:
                    errors.Add($"{path}.protocol", $"{listener.Protocol} is not served by this version");
                    break;
            }

            if (listener.Protocol != ListenerProtocol.Tunnel && listener.Tunnel is not null)
            {
                errors.Add($"{path}.tunnel", $"must not be set when protocol is {listener.Protocol}");
            }

            UdpListenerCompiler.CheckAbsent(path, listener, errors);
            result.Add(Describe(path, listener, errors));
        }

        TunnelCompiler.CheckTogether(listeners, errors);
        return result;
    }

    private static void CheckPorts(
        string path,
        ListenerConfig listener,
        Dictionary<(bool Datagram, int Port), string> ports,
        ErrorList errors
    )
    {
        errors.Range($"{path}.port", listener.Port, 1, 65_535);
        errors.Range($"{path}.bindPort", listener.BindPort, 0, 65_535);
        var field = listener.BindPort == 0 ? "port" : "bindPort";
        var bind = BindPort(listener);
        if (!ports.TryAdd((listener.Protocol == ListenerProtocol.UDP, bind), listener.Name))
        {
            var owner = ports[(listener.Protocol == ListenerProtocol.UDP, bind)];
            errors.Add($"{path}.{field}", $"port {bind} is taken by listener '{owner}'");
        }
    }

    private static void CheckTcp(string path, ListenerConfig listener, ErrorList errors)
    {
        if (listener.Backend is null && listener.Tls?.Mode != TlsMode.Passthrough)
        {
            errors.Add($"{path}.backend", "is required");
        }

        if (listener.WebSocket is not null)
        {
            errors.Add($"{path}.webSocket", "must not be set when protocol is TCP");
        }

        errors.Range($"{path}.tcp.idleTimeout", listener.Tcp?.IdleTimeout ?? TimeSpan.Zero, TimeSpan.Zero, MaxIdle);
    }

    private static void CheckWebSocket(string path, ListenerConfig listener, HashSet<string> backends, ErrorList errors)
    {
        if (listener.Tcp is not null)
        {
            errors.Add($"{path}.tcp", "must not be set when protocol is WebSocket");
        }

        var socket = listener.WebSocket ?? new WebSocketListenerConfig();
        if (listener.Backend is null && socket.Routes.Count == 0 && socket.Mode == WebSocketMode.Proxy)
        {
            errors.Add($"{path}.backend", "is required where there are no routes");
        }

        errors.Range($"{path}.webSocket.handshakeTimeout", socket.HandshakeTimeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10));
        errors.Range($"{path}.webSocket.idleTimeout", socket.IdleTimeout, TimeSpan.Zero, MaxIdle);
        CheckAffinity($"{path}.webSocket.affinity", socket.Affinity, errors);
        if (socket.Routes.Count > MaxRoutes)
        {
            errors.Add($"{path}.webSocket.routes", $"has {socket.Routes.Count} items; must have at most {MaxRoutes}");
            return;
        }

        for (var i = 0; i < socket.Routes.Count; i++)
        {
            CheckRoute($"{path}.webSocket.routes[{i}]", socket.Routes[i], backends, errors);
        }
    }

    private static void CheckRoute(string path, RouteConfig route, HashSet<string> backends, ErrorList errors)
    {
        if (!backends.Contains(route.Backend))
        {
            errors.Add($"{path}.backend", $"there is no backend '{route.Backend}'");
        }

        if (
            !route.PathPrefix.StartsWith('/')
            || route.PathPrefix.Length > 1024
            || route.PathPrefix.Any(c => c is <= ' ' or > '~' or '?' or '#')
        )
        {
            errors.Add($"{path}.pathPrefix", "must start with '/' and have at most 1024 printable characters without '?', '#' and space");
        }
        else if (!RouteTable.IsValidPrefix(route.PathPrefix))
        {
            errors.Add(
                $"{path}.pathPrefix",
                "must have no dot segments, backslashes or invalid percent-escapes: no request with such a path is served"
            );
        }

        if (route.Hosts.Count > MaxHosts)
        {
            errors.Add($"{path}.hosts", $"has {route.Hosts.Count} items; must have at most {MaxHosts}");
        }

        for (var i = 0; i < Math.Min(route.Hosts.Count, MaxHosts); i++)
        {
            var host = route.Hosts[i];
            if (host is null)
            {
                errors.Add($"{path}.hosts[{i}]", "is null");
                continue;
            }

            if (!HostNames.IsPattern(host) && !HostNames.IsAddress(host))
            {
                errors.Add(
                    $"{path}.hosts[{i}]",
                    $"'{host}' is not {HostNames.Meaning}, one with '*.' in front, or an IPv6 address in brackets"
                );
            }
        }
    }

    private static void CheckAffinity(string path, AffinityConfig? affinity, ErrorList errors)
    {
        if (affinity is null)
        {
            return;
        }

        // RFC 6265 §4.1.1: a cookie's name is a token of RFC 2616.
        if (
            affinity.CookieName.Length is 0 or > 64
            || affinity.CookieName.Any(c => !char.IsAsciiLetterOrDigit(c) && !"!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal))
        )
        {
            errors.Add($"{path}.cookieName", "must be an RFC 6265 token of 1 to 64 characters");
        }

        if (
            !affinity.CookiePath.StartsWith('/')
            || affinity.CookiePath.Length > 256
            || affinity.CookiePath.Any(c => c is < ' ' or > '~' or ';')
        )
        {
            errors.Add($"{path}.cookiePath", "must start with '/' and have at most 256 printable characters without ';'");
        }

        errors.Range($"{path}.cookieTtl", affinity.CookieTtl, TimeSpan.Zero, TimeSpan.FromDays(400));
    }

    private static int BindPort(ListenerConfig listener) => listener.BindPort == 0 ? listener.Port : listener.BindPort;

    private static ListenerSnapshot Describe(string path, ListenerConfig listener, ErrorList errors)
    {
        var socket = listener.Protocol == ListenerProtocol.WebSocket ? listener.WebSocket ?? new WebSocketListenerConfig() : null;
        var kind = $"{path}.{(socket is null ? "tcp" : "webSocket")}";
        var udp = listener.Protocol == ListenerProtocol.UDP ? listener.Udp ?? new UdpListenerConfig() : null;
        var idle = udp?.SessionTimeout ?? socket?.IdleTimeout ?? listener.Tcp?.IdleTimeout ?? TimeSpan.Zero;
        return new ListenerSnapshot
        {
            Name = listener.Name,
            Protocol = listener.Protocol,
            Port = listener.Port,
            BindPort = BindPort(listener),
            Backend = listener.Backend,
            MaxConnections = listener.MaxConnections,
            Balancing = udp is not null
                ? BalancingPolicy.ConsistentHash
                : socket?.Balancing ?? listener.Tcp?.Balancing ?? BalancingPolicy.LeastConnections,
            IdleTicks = idle > TimeSpan.Zero ? TimerWheel.Ticks(idle) : 0,
            HandshakeTicks = TimerWheel.Ticks(socket?.HandshakeTimeout ?? TimeSpan.FromSeconds(10)),
            Lifetime = SocketCompiler.Compile($"{kind}.lifetime", socket is null ? listener.Tcp?.Lifetime : socket.Lifetime, errors),
            Socket = SocketCompiler.Compile(
                $"{kind}.socket",
                (socket?.Socket ?? listener.Tcp?.Socket) ?? new TcpListenerConfig().Socket,
                errors
            ),
            Udp = udp,
            WebSocket = socket,
            Hub = HubCompiler.Compile(path, listener, errors),
            Features = WebSocketCompiler.Compile(kind, socket, errors),
            Proxy = ProxySnapshot.Compile($"{path}.proxyProtocol", listener.ProxyProtocol, errors),
            Tls = listener.Tls,
            Tunnel = listener.Protocol == ListenerProtocol.Tunnel ? listener.Tunnel : null,
            Limits = LimitsSnapshot.Compile($"{path}.limits", listener, errors),
        };
    }
}
