using FluentValidation;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

internal sealed class ProxyProtocolRules : AbstractValidator<ProxyProtocolSpec>
{
    public ProxyProtocolRules()
    {
        RuleFor(proxy => proxy.Timeout).MustBeDuration(TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(1));
        RuleForEach(proxy => proxy.Trusted)
            .Must(Networks.IsNetwork)
            .WithMessage("must be an address or a network such as 10.0.0.0/8, without bits behind its prefix");
    }
}

internal sealed class BackendProxyProtocolRules : AbstractValidator<BackendProxyProtocolSpec>
{
    public BackendProxyProtocolRules()
    {
        RuleFor(proxy => proxy.Tlvs)
            .Must(tlvs => tlvs is null or { Count: 0 })
            .When(proxy => proxy.Version == "V1")
            .WithMessage("is only for version V2");
        RuleFor(proxy => proxy.Tlvs)
            .Must(tlvs => tlvs!.Distinct(StringComparer.Ordinal).Count() == tlvs!.Count)
            .When(proxy => proxy.Tlvs is not null)
            .WithMessage("must not have an item twice");
    }
}
