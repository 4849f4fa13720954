using FluentValidation;
using Mooring.Contracts.Text;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Validation;

/// <summary>What the schema cannot say of a Tunnel listener.</summary>
internal sealed class TunnelRules : AbstractValidator<ListenerSpec>
{
    public TunnelRules()
    {
        RuleFor(listener => listener.Tunnel)
            .Null()
            .When(listener => listener.Protocol is Protocols.Tcp or Protocols.Udp or Protocols.WebSocket)
            .WithMessage("is only for protocol Tunnel");
        When(
            listener => listener.Protocol == Protocols.Tunnel,
            () =>
            {
                RuleFor(listener => listener.Tunnel).NotNull().WithMessage("required");
                RuleFor(listener => listener.Backend).Null().WithMessage("is not for protocol Tunnel");
                RuleFor(listener => listener.Tcp).Null().WithMessage("is only for protocol TCP");
                RuleFor(listener => listener.WebSocket).Null().WithMessage("is only for protocol WebSocket");
                RuleFor(listener => listener.Tls!.Mode)
                    .NotEqual("Passthrough")
                    .When(listener => listener.Tls is not null)
                    .WithMessage("Passthrough is only for protocol TCP");
                RuleFor(listener => listener.Tls)
                    .Null()
                    .When(listener => listener.Tunnel?.VisitorsOf is not null)
                    .WithMessage("is not for a listener of visitors: their TLS is passed through");
                RuleFor(listener => listener.Tunnel!).SetValidator(new TunnelListenerRules()).When(listener => listener.Tunnel is not null);
            }
        );
    }

    /// <summary>What no listener can say alone.</summary>
    public static void Together(FleetSpec spec, ValidationContext<FleetSpec> context)
    {
        var binds = BindPorts.Choose(spec.Listeners);
        foreach (var (index, listener) in spec.Listeners.Index())
        {
            if (
                listener.Tunnel?.VisitorsOf is { } name
                && !spec.Listeners.Any(other => other.Name == name && other.Tunnel is { PortRange: not null, Domain: not null })
            )
            {
                context.AddFailure(
                    $"Listeners[{index}].Tunnel.VisitorsOf",
                    $"there is no listener '{name}' with tunnel.portRange and tunnel.domain"
                );
            }

            if (listener.Tunnel?.PortRange is not { } range)
            {
                continue;
            }

            var owner = spec.Listeners.FirstOrDefault(other => Has(range, other.Port) || Has(range, binds[other.Port]));
            if (owner is not null)
            {
                context.AddFailure($"Listeners[{index}].Tunnel.PortRange", $"port {owner.Port} is taken by the listener '{owner.Name}'");
            }

            var homeless = spec.Listeners.FirstOrDefault(other => BindPorts.IsMoved(other.Port) && binds[other.Port] == other.Port);
            if (owner is null && homeless is not null)
            {
                context.AddFailure(
                    $"Listeners[{index}].Tunnel.PortRange",
                    $"leaves no port that the listener '{homeless.Name}' could be bound to in its pods, which may not bind {homeless.Port} itself"
                );
            }

            // Small ranges are listed in the Service, whose ports have names too.
            if (
                TunnelRenderer
                    .Ports(range.Start, range.End, listener.Tunnel.Udp)
                    .FirstOrDefault(port => spec.Listeners.Any(other => other.Name == port.Name)) is
                { } namesake
            )
            {
                context.AddFailure(
                    $"Listeners[{index}].Tunnel.PortRange",
                    $"its port {namesake.Port} has the name '{namesake.Name}' in the Service, as a listener has; rename the listener"
                );
            }

            var before = spec.Listeners.Take(index).FirstOrDefault(other => other.Tunnel?.PortRange is { } theirs && Meet(theirs, range));
            if (before is not null)
            {
                context.AddFailure($"Listeners[{index}].Tunnel.PortRange", $"overlaps the range of the listener '{before.Name}'");
            }
        }
    }

    private static bool Has(PortRangeSpec range, int port) => port >= range.Start && port <= range.End;

    private static bool Meet(PortRangeSpec one, PortRangeSpec other) => one.Start <= other.End && other.Start <= one.End;
}

internal sealed class TunnelListenerRules : AbstractValidator<TunnelListenerSpec>
{
    public TunnelListenerRules()
    {
        RuleFor(tunnel => tunnel)
            .Must(tunnel => (tunnel.PortRange is null) != (tunnel.VisitorsOf is null))
            .OverridePropertyName("")
            .WithMessage("exactly one of portRange and visitorsOf must be set");
        When(
            tunnel => tunnel is { PortRange: null, VisitorsOf: not null },
            () =>
            {
                RuleFor(tunnel => tunnel.SecretRef).Null().WithMessage("is only with portRange");
                RuleFor(tunnel => tunnel.Tenants).Empty().WithMessage("is only with portRange");
                RuleFor(tunnel => tunnel.Domain).Null().WithMessage("is only with portRange");
                RuleFor(tunnel => tunnel.Udp).Equal(false).WithMessage("is only with portRange");
            }
        );
        RuleFor(tunnel => tunnel.PortRange!).SetValidator(new PortRangeRules()).When(tunnel => tunnel.PortRange is not null);
        RuleFor(tunnel => tunnel.Grace)
            .Must(text => !Duration.TryParse(text, out var value) || value <= TimeSpan.FromMinutes(10))
            .WithMessage("must be at most 10m");
        RuleFor(tunnel => tunnel.Domain).MustBeDnsName();
        RuleFor(tunnel => tunnel.VisitorTimeout).MustBeBetween(TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1));
        RuleForEach(tunnel => tunnel.Tenants)
            .ChildRules(tenant =>
            {
                tenant
                    .RuleFor(one => one.BandwidthBitsPerSecond)
                    .Must(TunnelCapacityRules.IsRate)
                    .WithMessage(TunnelCapacitySpec.BitsMessage);
                tenant.RuleFor(one => one.PortRange!).SetValidator(new PortRangeRules()).When(one => one.PortRange is not null);
            });
        RuleFor(tunnel => tunnel)
            .Custom(
                static (tunnel, context) =>
                {
                    foreach (var (i, tenant) in tunnel.Tenants.Index())
                    {
                        if (
                            tenant.PortRange is { } part
                            && tunnel.PortRange is { } whole
                            && (part.Start < whole.Start || part.End > whole.End)
                        )
                        {
                            context.AddFailure($"Tenants[{i}].PortRange", "must lie within the listener's");
                        }
                    }
                }
            );
    }
}

internal sealed class PortRangeRules : AbstractValidator<PortRangeSpec>
{
    public PortRangeRules()
    {
        RuleFor(range => range.End).Must((range, end) => end >= range.Start).WithMessage("must not be less than start");
        RuleFor(range => range.Start)
            .Must((range, start) => start > BindPorts.Admin || range.End < BindPorts.Admin)
            .WithMessage($"must not include {BindPorts.Admin}, the gateways' admin port");
    }
}

internal sealed class TunnelCapacityRules : AbstractValidator<TunnelCapacitySpec>
{
    public TunnelCapacityRules()
    {
        RuleFor(tunnels => tunnels.MaxTunnelBandwidthBitsPerSecond)
            .Must(value => value?.ToString() == "0" || IsRate(value))
            .WithMessage("must be 0, or 8k to 1T bits per second");
        RuleFor(tunnels => tunnels.TotalBandwidthBitsPerSecond).Must(IsRate).WithMessage(TunnelCapacitySpec.BitsMessage);
    }

    // A text that is no quantity has its own error.
    public static bool IsRate(IntOrString? value) =>
        value is not { } given
        || !Quantity.IsValid(given.ToString())
        || (Quantity.Compare(given.ToString(), "8k") >= 0 && Quantity.Compare(given.ToString(), "1T") <= 0);
}
