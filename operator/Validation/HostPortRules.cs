using FluentValidation;
using Mooring.Contracts.Text;

namespace Mooring.Operator.Validation;

internal static class HostPortRules
{
    /// <summary>What a gateway takes for an address; a text without the form of one has its own error from the schema.</summary>
    public static IRuleBuilderOptions<T, string> MustBeHostPort<T>(this IRuleBuilder<T, string> rule) =>
        rule.Must(text => HostPort.TryParse(text, out _, out _, out _))
            .WithMessage((parent, text) => HostPort.TryParse(text, out _, out _, out var error) ? "" : error);
}
