using FluentValidation;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

/// <summary>A request must not be above its limit: the API server would refuse the Deployment, long after it took the fleet.</summary>
internal sealed class ResourcesRules : AbstractValidator<ResourcesSpec>
{
    public ResourcesRules() =>
        RuleFor(resources => resources)
            .Custom(
                (resources, context) =>
                {
                    foreach (var (name, request) in resources.Requests ?? new Dictionary<string, IntOrString>())
                    {
                        if (
                            resources.Limits?.TryGetValue(name, out var limit) == true
                            && Quantity.Compare(request.ToString(), limit.ToString()) > 0
                        )
                        {
                            context.AddFailure($"{nameof(resources.Requests)}[{name}]", $"{request} is above the limit of {limit}");
                        }
                    }
                }
            );
}
