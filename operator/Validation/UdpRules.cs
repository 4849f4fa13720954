using FluentValidation;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Validation;

/// <summary>What the schema cannot say of a UDP listener.</summary>
internal sealed class UdpRules : AbstractValidator<ListenerSpec>
{
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Greatest = TimeSpan.FromHours(24);

    /// <summary>The gateway's FlowOpener.MaxAttempts.</summary>
    private const int MostAttempts = 3;

    public UdpRules()
    {
        RuleFor(listener => listener.Udp)
            .Null()
            .When(listener => listener.Protocol is Protocols.Tcp or Protocols.WebSocket or Protocols.Tunnel)
            .WithMessage("is only for protocol UDP");
        RuleFor(listener => listener.Tls)
            .Null()
            .When(listener => listener.Protocol == Protocols.Udp)
            .WithMessage("is not for protocol UDP: datagrams are passed on as they are");
        RuleFor(listener => listener.ProxyProtocol)
            .Null()
            .When(listener => listener.Protocol == Protocols.Udp)
            .WithMessage("is not for protocol UDP");
        RuleFor(listener => listener.Backend).NotNull().When(listener => listener.Protocol == Protocols.Udp).WithMessage("required");
        RuleFor(listener => listener.Udp!.SessionTimeout)
            .Must(text => !Duration.TryParse(text, out var value) || (value >= Least && value <= Greatest))
            .When(listener => listener.Udp is not null)
            .WithMessage("must be at least 1s and at most 24h");
    }

    /// <summary>What UDP listeners send to, backups included, has nothing set that is for connections.</summary>
    public static void BackendsFit(FleetSpec spec, ValidationContext<FleetSpec> context)
    {
        foreach (var (index, backend) in spec.Backends.Index())
        {
            var transport = BackendTransport.Of(spec, backend.Name);
            if (!transport.Udp)
            {
                continue;
            }

            var path = $"Backends[{index}]";
            foreach (
                var (field, isSet) in new[]
                {
                    ("Tls", backend.Tls is not null),
                    ("ProxyProtocol", backend.ProxyProtocol is not null),
                    ("Queue", backend.Queue is not null),
                }
            )
            {
                if (isSet)
                {
                    context.AddFailure($"{path}.{field}", "is not for the backend of a UDP listener");
                }
            }

            if (backend.Retry?.Attempts > MostAttempts)
            {
                context.AddFailure($"{path}.Retry.Attempts", $"must be at most {MostAttempts} for the backend of a UDP listener");
            }

            if (backend.Health?.Active is { Port: null } && !transport.Tcp)
            {
                context.AddFailure(
                    $"{path}.Health.Active.Port",
                    "required where only UDP listeners use the backend: checks are made by TCP, and nobody may listen for that at the endpoint's own"
                );
            }
        }
    }
}
