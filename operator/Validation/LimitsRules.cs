using System.Text;
using FluentValidation;
using Mooring.Contracts.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

internal sealed class ListenerLimitsRules : AbstractValidator<ListenerSpec>
{
    public ListenerLimitsRules()
    {
        RuleFor(listener => listener.Limits)
            .Must(limits => limits is null or { Bandwidth: null, ConnectionBandwidth: null, Refuse: "Reset" })
            .When(listener => listener.Protocol == Protocols.Udp)
            .WithMessage("of limits, only newConnections is for protocol UDP");
        RuleFor(listener => listener.Limits)
            .Must(limits => limits is null or { Bandwidth: null, ConnectionBandwidth: null })
            .When(listener => listener.WebSocket?.Mode == WebSocketModes.Hub)
            .WithMessage("bandwidth is not for mode Hub: what a client may send and get is bounded by the Hub's queues");
        RuleFor(listener => listener.Limits!.Message)
            .Null()
            .When(listener => listener.Limits!.Refuse != "Message")
            .WithMessage("is only for refuse Message");
        RuleFor(listener => listener.Limits!.Message)
            .NotNull()
            .When(listener => listener.Limits!.Refuse == "Message" && listener.Protocol == Protocols.Tcp)
            .WithMessage("is required where refuse is Message");
        RuleFor(listener => listener.Limits!.Message)
            .Must(text => text is null || Encoding.UTF8.GetByteCount(text) <= ListenerLimitsConfig.MaxMessageBytes)
            .WithMessage($"must be at most {ListenerLimitsConfig.MaxMessageBytes} bytes of UTF-8");
        RuleFor(listener => listener.Limits!.Bandwidth!)
            .SetValidator(new BandwidthRules())
            .When(listener => listener.Limits!.Bandwidth is not null);
        RuleFor(listener => listener.Limits!.ConnectionBandwidth!)
            .SetValidator(new BandwidthRules())
            .When(listener => listener.Limits!.ConnectionBandwidth is not null);
    }
}

internal sealed class BandwidthRules : AbstractValidator<BandwidthSpec>
{
    public BandwidthRules()
    {
        RuleFor(bandwidth => bandwidth.ReceiveBitsPerSecond).Must(IsRate).WithMessage("must be 8k to 8T bits per second");
        RuleFor(bandwidth => bandwidth.SendBitsPerSecond).Must(IsRate).WithMessage("must be 8k to 8T bits per second");
    }

    // A text that is no quantity has its own error.
    private static bool IsRate(IntOrString? value) =>
        value is not { } given
        || !Quantity.IsValid(given.ToString())
        || (Quantity.Compare(given.ToString(), "8k") >= 0 && Quantity.Compare(given.ToString(), "8T") <= 0);
}
