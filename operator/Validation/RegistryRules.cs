using FluentValidation;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

internal sealed class RegistryRules : AbstractValidator<RegistrySpec>
{
    public RegistryRules()
    {
        RuleFor(registry => registry.Ttl)
            .Must(ttl => !Duration.TryParse(ttl, out var value) || (value >= TimeSpan.FromSeconds(5) && value <= TimeSpan.FromHours(1)))
            .WithMessage("must be 5s to 1h");
        RuleForEach(registry => registry.Redis.Addresses).MustBeHostPort();
        RuleFor(registry => registry.Redis.Tls!.ServerName).MustBeHost().When(static registry => registry.Redis.Tls is not null);
        RuleFor(registry => registry.Redis.Cluster)
            .Equal(false)
            .When(registry => registry.Redis.Sentinel is not null)
            .WithMessage("excludes sentinel, and the other way round");
    }
}
