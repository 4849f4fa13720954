using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning.Workloads;

namespace Mooring.Operator.Planning;

/// <summary>Writes a fleet's spec as its gateways' config.</summary>
internal static class GatewayConfigRenderer
{
    /// <param name="input">The fleet.</param>
    /// <param name="leaving">Workloads that gateways may still have connections to, besides those of the spec; null: none.</param>
    public static GatewayConfig Render(FleetInput input, IReadOnlyList<LeavingWorkload>? leaving = null)
    {
        var fleet = input.Fleet;
        var onHost = input.Platform == FleetPlatform.Host;
        var bindPorts = BindPorts.Choose(fleet.Spec.Listeners);
        return new GatewayConfig
        {
            Fleet = $"{fleet.Metadata.Namespace ?? "default"}/{fleet.Metadata.Name}",
            Capacity = WebSocketRenderer.Add(LimitsRenderer.Render(fleet.Spec.Gateway.Capacity), fleet.Spec) with
            {
                Fleet = RegistryRenderer.Limit(fleet.Spec.Gateway),
            },
            Registry = RegistryRenderer.Config(fleet.Spec.Registry, input.Secrets),
            Drain = Drain(fleet.Spec.Gateway),
            Overload = OverloadRenderer.Render(fleet.Spec.Gateway, input.Platform),
            Otlp = fleet.Spec.Observability?.OtlpEndpoint is { } endpoint ? new OtlpConfig { Endpoint = endpoint } : null,
            Geo = GeoIpRenderer.Render(fleet.Spec.Observability),
            // On a host the supervisor binds, and hands the sockets over.
            Listeners = fleet
                .Spec.Listeners.Select(listener =>
                    Listener(listener, input, onHost || bindPorts[listener.Port] == listener.Port ? 0 : bindPorts[listener.Port])
                )
                .ToList(),
            Backends =
            [
                .. fleet.Spec.Backends.Select(backend => Backend(fleet, backend, input.Secrets, onHost)),
                .. (leaving ?? []).Select(static workload => workload.Config()),
            ],
        };
    }

    private static DrainConfig Drain(GatewaySpec gateway)
    {
        var defaults = new DrainConfig();
        return new DrainConfig
        {
            LameDuck = Parse(gateway.Drain?.LameDuck) ?? FleetDefaults.LameDuck,
            Deadline = Parse(gateway.Drain?.Deadline) ?? FleetDefaults.DrainDeadline,
            ClosesPerSecond = PaceAlone(gateway),
            Jitter = Parse(gateway.Drain?.Jitter) ?? TimeSpan.Zero,
            CloseCode = gateway.Drain?.CloseCode ?? defaults.CloseCode,
            CloseReason = gateway.Drain?.CloseReason ?? defaults.CloseReason,
            Handover = gateway.Drain?.Handover,
        };
    }

    /// <summary>The spec's pace is the whole fleet's; a gateway that drains with no operator to pace it takes its share.</summary>
    public static int PaceAlone(GatewaySpec gateway) =>
        Math.Max(1, (gateway.Drain?.ReconnectsPerSecond ?? FleetDefaults.ReconnectsPerSecond) / Math.Max(1, gateway.Replicas));

    private static ListenerConfig Listener(ListenerSpec listener, FleetInput input, int bindPort) =>
        new()
        {
            Name = listener.Name,
            Protocol = Enum.Parse<ListenerProtocol>(listener.Protocol),
            Port = listener.Port,
            BindPort = bindPort,
            Backend = listener.Backend,
            MaxConnections = listener.MaxConnections ?? 0,
            Tcp = listener.Protocol == Protocols.Tcp ? Tcp(listener.Tcp ?? new TcpListenerSpec()) : null,
            Udp = listener.Protocol == Protocols.Udp ? Udp(listener.Udp ?? new UdpListenerSpec()) : null,
            WebSocket =
                listener.Protocol == Protocols.WebSocket
                    ? WebSocket(listener.WebSocket ?? new WebSocketListenerSpec(), input) with
                    {
                        Hub = HubRenderer.Render(listener.WebSocket, input.Fleet.Spec.Authentication, input.Secrets),
                    }
                    : null,
            Tunnel = TunnelRenderer.Render(listener.Tunnel, input.Secrets),
            Tls = listener.Protocol == Protocols.Udp ? null : TlsRenderer.Render(listener.Tls, input.Secrets),
            ProxyProtocol = ProxyProtocolRenderer.Render(listener.ProxyProtocol),
            Limits = LimitsRenderer.Render(listener.Limits),
        };

    private static TcpListenerConfig Tcp(TcpListenerSpec spec) =>
        new()
        {
            Balancing = Enum.Parse<BalancingPolicy>(spec.Balancing),
            IdleTimeout = Parse(spec.IdleTimeout) ?? TimeSpan.Zero,
            Lifetime = ConnectionFeaturesRenderer.Lifetime(spec.Lifetime),
            Socket = ConnectionFeaturesRenderer.ClientSocket(spec.Socket),
        };

    private static UdpListenerConfig Udp(UdpListenerSpec spec) =>
        new() { SessionTimeout = Duration.Parse(spec.SessionTimeout), Responses = spec.Responses ?? 0 };

    private static WebSocketListenerConfig WebSocket(WebSocketListenerSpec spec, FleetInput input)
    {
        var config = new WebSocketListenerConfig
        {
            Mode = Enum.Parse<WebSocketMode>(spec.Mode),
            Balancing = Enum.Parse<BalancingPolicy>(spec.Balancing),
            Routes = spec
                .Routes.Select(route => new RouteConfig
                {
                    Hosts = route.Hosts,
                    PathPrefix = route.PathPrefix,
                    Backend = route.Backend,
                })
                .ToList(),
            HandshakeTimeout = Parse(spec.HandshakeTimeout) ?? new WebSocketListenerConfig().HandshakeTimeout,
            IdleTimeout = Parse(spec.IdleTimeout) ?? TimeSpan.Zero,
            Lifetime = ConnectionFeaturesRenderer.Lifetime(spec.Lifetime),
            Socket = ConnectionFeaturesRenderer.ClientSocket(spec.Socket),
        };
        return WebSocketRenderer.Add(config, spec, WebSocketRenderer.CookieKey(input));
    }

    private static BackendConfig Backend(ConnectionFleet fleet, BackendSpec backend, SecretPaths secrets, bool onHost)
    {
        var defaults = new BackendConfig { Name = backend.Name };
        var (service, port) = backend switch
        {
            _ when onHost => (null, 0),
            { ServiceRef: { } reference } => (reference.Name, reference.Port),
            { Workload: { } workload } => (ResourceNames.Backend(fleet.Metadata.Name!, backend.Name), workload.Port),
            _ => (null, 0),
        };
        var config = new BackendConfig
        {
            Name = backend.Name,
            Source = backend.Addresses is null ? EndpointSource.Pushed : EndpointSource.Static,
            Addresses = (backend.Addresses ?? [])
                .Select(address => new AddressConfig
                {
                    Address = address.Address,
                    Weight = address.Weight,
                    Backup = address.Backup,
                })
                .ToList(),
            // Without the cluster's domain, which the pod's resolver adds.
            DnsName = service is null ? null : $"{service}.{fleet.Metadata.Namespace ?? "default"}.svc",
            DnsPort = port,
            MaxConnectionsPerEndpoint = backend.MaxConnectionsPerEndpoint ?? 0,
            ConnectTimeout = Parse(backend.ConnectTimeout) ?? defaults.ConnectTimeout,
            Tls = TlsRenderer.Render(backend.Tls, secrets),
            ProxyProtocol = ProxyProtocolRenderer.Render(backend.ProxyProtocol),
        };
        return ConnectionFeaturesRenderer.Add(config, backend);
    }

    private static TimeSpan? Parse(string? text) => text is null ? null : Duration.Parse(text);
}
