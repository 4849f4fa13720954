using System.Text;
using FluentValidation;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

/// <summary>What the schema of a single field cannot say: the same rules as the CEL of <see cref="Entities"/>, each breach at its own field.</summary>
internal sealed class FleetRules : AbstractValidator<FleetSpec>
{
    public FleetRules()
    {
        RuleFor(spec => spec.Gateway).SetValidator(new GatewayRules());
        RuleFor(spec => spec.NodeTuning!).SetValidator(new NodeTuningRules()).When(spec => spec.NodeTuning is not null);
        RuleFor(spec => spec.Scaling!).SetValidator(new ScalingRules()).When(spec => spec.Scaling is not null);
        RuleForEach(spec => spec.Listeners).SetValidator(new ListenerRules());
        RuleForEach(spec => spec.Listeners).SetValidator(new UdpRules());
        RuleForEach(spec => spec.Listeners).SetValidator(new HubRules());
        RuleFor(spec => spec.Authentication!).SetValidator(new AuthenticationRules()).When(spec => spec.Authentication is not null);
        RuleForEach(spec => spec.Listeners).SetValidator(new TunnelRules());
        RuleForEach(spec => spec.Backends).SetValidator(new BackendRules());
        RuleFor(spec => spec.Registry!).SetValidator(new RegistryRules()).When(spec => spec.Registry is not null);
        RuleFor(spec => spec.Observability!.Geoip)
            .Must(geoip => (geoip!.DatabasePath is null) != (geoip.ConfigMapRef is null))
            .When(spec => spec.Observability?.Geoip is not null)
            .WithMessage("exactly one of databasePath and configMapRef must be set");
        RuleFor(spec => spec)
            .Custom(
                (spec, context) =>
                    PodTemplateRules.CheckLabels("Observability.ServiceMonitor.Labels", spec.Observability?.ServiceMonitor?.Labels, context)
            );
        RuleFor(spec => spec).Custom(ObservabilityRules.OtlpEndpointIsAUrl);
        RuleFor(spec => spec).Custom(GatewayServiceRules.NodePortsFit);
        RuleFor(spec => spec).Custom(PortsAreUnique);
        RuleFor(spec => spec).Custom(BackendsExist);
        RuleFor(spec => spec).Custom(TunnelRules.Together);
        RuleFor(spec => spec).Custom(BackendFeatureRules.BackupsExist);
        RuleFor(spec => spec).Custom(UdpRules.BackendsFit);
    }

    private static void PortsAreUnique(FleetSpec spec, ValidationContext<FleetSpec> context)
    {
        var owners = new Dictionary<(bool Udp, int Port), string>();
        foreach (var (index, listener) in spec.Listeners.Index())
        {
            var key = (listener.Protocol == Protocols.Udp, listener.Port);
            if (listener.Port is >= 1 and <= 65535 && !owners.TryAdd(key, listener.Name))
            {
                context.AddFailure($"Listeners[{index}].Port", $"port {listener.Port} is taken by the listener '{owners[key]}'");
            }
        }
    }

    private static void BackendsExist(FleetSpec spec, ValidationContext<FleetSpec> context)
    {
        var known = spec.Backends.Select(backend => backend.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var (index, listener) in spec.Listeners.Index())
        {
            Check($"Listeners[{index}].Backend", listener.Backend);
            foreach (var (number, route) in (listener.Tls?.Routes ?? []).Index())
            {
                Check($"Listeners[{index}].Tls.Routes[{number}].Backend", route.Backend);
            }

            foreach (var (number, route) in (listener.WebSocket?.Routes ?? []).Index())
            {
                Check($"Listeners[{index}].WebSocket.Routes[{number}].Backend", route.Backend);
            }
        }

        void Check(string path, string? name)
        {
            if (!string.IsNullOrEmpty(name) && !known.Contains(name))
            {
                context.AddFailure(
                    path,
                    known.Count == 0
                        ? $"there is no backend '{name}': spec.backends is empty"
                        : $"there is no backend '{name}'; spec.backends has {string.Join(", ", known.Order(StringComparer.Ordinal))}"
                );
            }
        }
    }
}

internal sealed class ListenerRules : AbstractValidator<ListenerSpec>
{
    public ListenerRules()
    {
        RuleFor(listener => listener.Tcp)
            .Null()
            .When(listener => listener.Protocol is Protocols.WebSocket or Protocols.Udp)
            .WithMessage("is only for protocol TCP");
        RuleFor(listener => listener.WebSocket)
            .Null()
            .When(listener => listener.Protocol is Protocols.Tcp or Protocols.Udp)
            .WithMessage("is only for protocol WebSocket");
        RuleFor(listener => listener.Backend)
            .NotNull()
            .When(listener =>
                (listener.Protocol == Protocols.Tcp && listener.Tls is not { Mode: "Passthrough", Routes.Count: > 0 })
                || (
                    listener.Protocol == Protocols.WebSocket
                    && listener.WebSocket is null or { Routes.Count: 0, Mode: not WebSocketModes.Hub }
                )
            )
            .WithMessage(listener => listener.Protocol == Protocols.Tcp ? "required" : "required where there are no routes");
        RuleFor(listener => listener.Tcp!.IdleTimeout).MustBeAtMost(TimeSpan.FromHours(24)).When(listener => listener.Tcp is not null);
        RuleFor(listener => listener.WebSocket!.HandshakeTimeout)
            .MustBeDuration(TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10))
            .When(listener => listener.WebSocket is not null);
        RuleFor(listener => listener.Tls!).SetValidator(new TlsRules()).When(listener => listener.Tls is not null);
        RuleFor(listener => listener.Tls!.Mode)
            .NotEqual("Passthrough")
            .When(listener => listener.Tls is not null && listener.Protocol == Protocols.WebSocket)
            .WithMessage("Passthrough is only for protocol TCP");
        RuleFor(listener => listener.Tls!.Alpn)
            .Must(static alpn => alpn.All(static protocol => protocol == "http/1.1"))
            .When(listener => listener.Tls is not null && listener.Protocol == Protocols.WebSocket)
            .WithMessage("only http/1.1 is spoken by protocol WebSocket");
        RuleFor(listener => listener.ProxyProtocol!)
            .SetValidator(new ProxyProtocolRules())
            .When(listener => listener.ProxyProtocol is not null);
        RuleFor(listener => listener).SetValidator(new ListenerLimitsRules()).When(listener => listener.Limits is not null);
        RuleFor(listener => listener.Tcp!.Lifetime!).SetValidator(new LifetimeRules()).When(listener => listener.Tcp?.Lifetime is not null);
        RuleFor(listener => listener.Tcp!.Socket!).SetValidator(new SocketRules()).When(listener => listener.Tcp?.Socket is not null);
        RuleFor(listener => listener.WebSocket!).SetValidator(new WebSocketRules()).When(listener => listener.WebSocket is not null);
        RuleFor(listener => listener.WebSocket!.Lifetime!)
            .SetValidator(new LifetimeRules())
            .When(listener => listener.WebSocket?.Lifetime is not null);
        RuleFor(listener => listener.WebSocket!.Socket!)
            .SetValidator(new SocketRules())
            .When(listener => listener.WebSocket?.Socket is not null);
    }
}

internal sealed class BackendRules : AbstractValidator<BackendSpec>
{
    public BackendRules()
    {
        RuleFor(backend => backend)
            .Custom(
                (backend, context) =>
                {
                    string[] sources =
                    [
                        .. backend.ServiceRef is null ? [] : new[] { "serviceRef" },
                        .. backend.Addresses is null ? [] : new[] { "addresses" },
                        .. backend.Workload is null ? [] : new[] { "workload" },
                    ];
                    if (sources.Length != 1)
                    {
                        context.AddFailure(
                            "",
                            "exactly one of serviceRef, addresses and workload must be set; there "
                                + (sources.Length == 0 ? "is none" : $"are {string.Join(" and ", sources)}")
                        );
                    }
                }
            );
        RuleForEach(backend => backend.Addresses)
            .ChildRules(address => address.RuleFor(one => one.Address).MustBeHostPort())
            .When(backend => backend.Addresses is not null);
        RuleFor(backend => backend.ConnectTimeout).MustBeDuration(TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10));
        RuleFor(backend => backend.Health!.Passive!.FailTimeout)
            .MustBeDuration(TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1))
            .When(backend => backend.Health?.Passive is not null);
        RuleFor(backend => backend.Tls!).SetValidator(new BackendTlsRules()).When(backend => backend.Tls is not null);
        RuleFor(backend => backend.ProxyProtocol!)
            .SetValidator(new BackendProxyProtocolRules())
            .When(backend => backend.ProxyProtocol is not null);

        Include(new BackendFeatureRules());
        RuleFor(backend => backend.Workload!.Resources!)
            .SetValidator(new ResourcesRules())
            .When(backend => backend.Workload?.Resources is not null);
        RuleFor(backend => backend.Workload!.Template!)
            .SetValidator(new PodTemplateRules())
            .When(backend => backend.Workload?.Template is not null);
        RuleFor(backend => backend.Workload!).SetValidator(new WorkloadScalingRules()).When(backend => backend.Workload is not null);
        RuleForEach(backend => backend.Workload!.Env)
            .ChildRules(variable =>
                variable.RuleFor(one => one.Name).NotEqual("PORT").WithMessage("PORT is set by the fleet: use workload.port")
            )
            .When(backend => backend.Workload is not null);
    }
}

internal sealed class GatewayRules : AbstractValidator<GatewaySpec>
{
    public GatewayRules()
    {
        RuleFor(gateway => gateway.Service).SetValidator(new GatewayServiceRules());
        RuleFor(gateway => gateway.NetworkPolicy).SetValidator(new NetworkPolicyRules());
        RuleFor(gateway => gateway.Capacity!.Workers)
            .Null()
            .When(gateway => gateway.Capacity?.MaxConnections?.Number is not null)
            .WithMessage("workers bounds Auto, and maxConnections is a number");
        RuleFor(gateway => gateway.Capacity!.MaxConnections)
            .Must(limit => limit is null or { Text: "Auto" } or { Number: >= 1 and <= 10_000_000 })
            .When(gateway => gateway.Capacity is not null)
            .WithMessage("must be Auto or a number of 1 to 10000000");
        RuleFor(gateway => gateway.Resources!).SetValidator(new ResourcesRules()).When(gateway => gateway.Resources is not null);
        RuleFor(gateway => gateway.Template!).SetValidator(new PodTemplateRules()).When(gateway => gateway.Template is not null);
        RuleFor(gateway => gateway.Capacity!.Tunnels!)
            .SetValidator(new TunnelCapacityRules())
            .When(gateway => gateway.Capacity?.Tunnels is not null);
        RuleFor(gateway => gateway.Drain!).SetValidator(new DrainRules()).When(gateway => gateway.Drain is not null);
        RuleFor(gateway => gateway.Overload!).SetValidator(new OverloadRules()).When(gateway => gateway.Overload is not null);
        RuleFor(gateway => gateway.Rollout!).SetValidator(new RolloutRules()).When(gateway => gateway.Rollout is not null);
    }
}

internal sealed class DrainRules : AbstractValidator<DrainSpec>
{
    public DrainRules()
    {
        RuleFor(drain => drain.Deadline)
            .Must((drain, _) => FitsGracePeriod(drain))
            .WithMessage("with lameDuck must be at most 590s: cluster autoscalers wait 600s for a pod");
        // The schema counts characters, the frame has room for bytes (RFC 6455 §5.5).
        RuleFor(drain => drain.CloseReason)
            .Must(static reason => reason is null || Encoding.UTF8.GetByteCount(reason) <= 123)
            .WithMessage("must be at most 123 bytes of UTF-8");
        RuleFor(drain => drain.Jitter).Must((drain, _) => JitterFits(drain)).WithMessage("must not be longer than deadline");
    }

    private static bool FitsGracePeriod(DrainSpec drain) =>
        Read(drain.LameDuck, FleetDefaults.LameDuck) + Read(drain.Deadline, FleetDefaults.DrainDeadline) is not { } sum
        || sum <= FleetDefaults.MaxDrain;

    private static bool JitterFits(DrainSpec drain) =>
        Read(drain.Jitter, TimeSpan.Zero) is not { } jitter
        || Read(drain.Deadline, FleetDefaults.DrainDeadline) is not { } deadline
        || jitter <= deadline;

    // Null for a text that is no duration, which has its own error.
    private static TimeSpan? Read(string? text, TimeSpan otherwise) =>
        text is null ? otherwise
        : Duration.TryParse(text, out var value) ? value
        : null;
}

internal static class DurationRules
{
    /// <summary>Bounds of a duration; a text that is none has its own error from the schema.</summary>
    public static IRuleBuilderOptions<T, string?> MustBeDuration<T>(
        this IRuleBuilder<T, string?> rule,
        TimeSpan least,
        TimeSpan greatest
    ) =>
        rule.Must(text => !Duration.TryParse(text, out var value) || (value >= least && value <= greatest))
            .WithMessage($"must be more than 0s and at most {Duration.Format(greatest)}");

    /// <summary>As <see cref="MustBeDuration"/>, where zero is a value too.</summary>
    public static IRuleBuilderOptions<T, string?> MustBeAtMost<T>(this IRuleBuilder<T, string?> rule, TimeSpan greatest) =>
        rule.MustBeDuration(TimeSpan.Zero, greatest).WithMessage($"must be at most {Duration.Format(greatest)}");

    /// <summary>As <see cref="MustBeDuration"/>, where the least is more than the shortest there is.</summary>
    public static IRuleBuilderOptions<T, string?> MustBeBetween<T>(this IRuleBuilder<T, string?> rule, TimeSpan least, TimeSpan greatest) =>
        rule.MustBeDuration(least, greatest).WithMessage($"must be {Duration.Format(least)} to {Duration.Format(greatest)}");
}
