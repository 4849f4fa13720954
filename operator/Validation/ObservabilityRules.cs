using FluentValidation;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

/// <summary>What is seen of a fleet from outside.</summary>
internal static class ObservabilityRules
{
    /// <summary>A port that is none, and other things that the pattern lets through.</summary>
    public static void OtlpEndpointIsAUrl(FleetSpec spec, ValidationContext<FleetSpec> context)
    {
        if (spec.Observability?.OtlpEndpoint is { } endpoint && !Uri.TryCreate(endpoint, UriKind.Absolute, out _))
        {
            context.AddFailure("Observability.OtlpEndpoint", "must be an http or https URL such as http://collector:4318");
        }
    }
}
