using FluentValidation;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

/// <summary>What the schema cannot say of a UDP listener.</summary>
internal sealed class UdpRules : AbstractValidator<ListenerSpec>
{
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Greatest = TimeSpan.FromHours(24);

    public UdpRules()
    {
        RuleFor(listener => listener.Udp)
            .Null()
            .When(listener => listener.Protocol is Protocols.Tcp or Protocols.WebSocket)
            .WithMessage("is only for protocol UDP");
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
}
