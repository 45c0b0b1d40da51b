#include "core/catalogue.h"

namespace catchment::core {

const Component* FindComponent(const std::vector<Component>& components, const std::string& name) {
  for (const Component& component : components) {
    if (component.name == name) return &component;
  }
  return nullptr;
}

}  // namespace catchment::core
