using System.Globalization;
using System.Net;
using System.Net.Sockets;
using FluentValidation;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

internal sealed class ProxyProtocolRules : AbstractValidator<ProxyProtocolSpec>
{
    public ProxyProtocolRules()
    {
        RuleFor(proxy => proxy.Timeout).MustBeDuration(TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(1));
        RuleForEach(proxy => proxy.Trusted)
            .Must(IsNetwork)
            .WithMessage("must be an address or a network such as 10.0.0.0/8, without bits behind its prefix");
    }

    /// <summary>An IPv4 or IPv6 address, or a network with no bits set behind its prefix. Other texts have their own error from the schema.</summary>
    private static bool IsNetwork(string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (!IPAddress.TryParse(slash < 0 ? text : text[..slash], out var address))
        {
            return false;
        }

        var most = address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
        return slash < 0
            || (
                int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var bits)
                && bits <= most
                && IPNetwork.TryParse(text, out var network)
                && network.BaseAddress.Equals(address)
            );
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
